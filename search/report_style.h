#pragma once

// The style sheet of a report: light, dark and on paper.

#include <string_view>

namespace vlm {

inline constexpr std::string_view kReportStyle = R"(
:root{color-scheme:light dark;--ink:#1b2230;--soft:#5d6778;--paper:#fff;--panel:#f5f7fa;
--rule:#dde2ea;--trial:#8db4e2;--best:#c2410c;--mean:#0f766e;--good:#157347;--bad:#b3261e;
--partly:#8a5a00;--mark:#eef5ff}
@media (prefers-color-scheme:dark){:root{--ink:#e6eaf1;--soft:#9aa5b6;--paper:#12161d;
--panel:#1a202a;--rule:#313a48;--trial:#4f7fb8;--best:#fb923c;--mean:#2dd4bf;--good:#4ade80;
--bad:#ff8a80;--partly:#f0b429;--mark:#182638}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Hiragino Sans","Noto Sans CJK JP","Noto Sans JP",Meiryo,sans-serif}
main{max-width:1080px;margin:0 auto;padding:32px 20px 48px}
h1{font-size:30px;line-height:1.2;margin:0 0 8px}
h2{font-size:21px;margin:44px 0 10px;padding-top:14px;border-top:1px solid var(--rule)}
h3{font-size:16px;margin:24px 0 2px}
p{margin:8px 0}
small,.note,.item-id,.legend{color:var(--soft);font-size:13px;font-weight:400}
.note{max-width:860px}
.kind{color:var(--soft);margin:0;font-size:14px}
.summary{font-size:18px;max-width:860px}
.verdict{max-width:860px;border-left:4px solid var(--best);padding:2px 0 2px 14px;margin:16px 0}
.open{max-width:860px;border-left:4px solid var(--partly);padding:2px 0 2px 14px}
.good{color:var(--good)}.bad{color:var(--bad)}.partly{color:var(--partly)}
.wide{overflow-x:auto}
table{border-collapse:collapse}
th,td{padding:6px 12px;text-align:left;vertical-align:top;border-bottom:1px solid var(--rule)}
th{font-weight:500}
.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.results{width:100%}
.results th:first-child,.results td:first-child{padding-left:6px}
.results thead th{font-size:14px;vertical-align:bottom}
.results td:last-child{vertical-align:middle;width:162px;padding-right:6px}
tr.evolved{background:var(--mark)}
svg{display:block;max-width:100%}
svg text{fill:var(--soft);font-size:11.5px;font-variant-numeric:tabular-nums}
svg.curve{width:100%;height:auto}
.grid{stroke:var(--rule)}.axis{stroke:var(--soft)}
.trial{fill:var(--trial);fill-opacity:.75}
.beyond{fill:none;stroke:var(--trial);stroke-width:1.5}
.best,.mean{fill:none;stroke-width:2.2;stroke-linejoin:round}
.best{stroke:var(--best)}.mean{stroke:var(--mean);stroke-dasharray:5 3}
.failed{stroke:var(--bad);stroke-width:1.8}
line.interval{stroke:var(--best);stroke-width:3;stroke-opacity:.45}
.estimate{fill:var(--best)}
.gene{fill:var(--trial)}
.legend{display:flex;flex-wrap:wrap;gap:4px 20px;margin:4px 0}
.legend svg{display:inline-block;vertical-align:middle;margin-right:6px}
.genes{display:flex;flex-wrap:wrap;gap:12px 28px;margin:12px 0}
figure{margin:0}figcaption{font-size:14px;font-weight:500}
.items{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(480px,100%),1fr));gap:14px;margin-top:10px}
.item{border:1px solid var(--rule);border-radius:8px;background:var(--panel);padding:12px;
break-inside:avoid}
.asked{display:flex;gap:14px}
.asked img{width:128px;height:128px;object-fit:contain;border-radius:4px;flex:none;background:#fff}
.no-picture{width:128px;height:128px;flex:none;border:1px dashed var(--rule);border-radius:4px;
color:var(--soft);font-size:13px;display:flex;align-items:center;text-align:center;padding:8px}
.question{font-size:17px;font-weight:500;margin:2px 0}
.reference{margin:2px 0}
.answers{width:100%;margin-top:8px;font-size:14px}
.answers th{width:34%;font-size:13px}
.answers th,.answers td{padding:4px 8px;overflow-wrap:anywhere;white-space:pre-line}
.answers tr:last-child>*{border-bottom:0}
.answers .mark{width:64px;text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
.plain th,.plain td{font-size:14px}
.identity code{overflow-wrap:anywhere}
pre{background:var(--panel);border:1px solid var(--rule);border-radius:8px;padding:12px;margin:8px 0;
font-size:13px;line-height:1.45;overflow-x:auto;white-space:pre-wrap;overflow-wrap:anywhere}
footer{margin-top:44px;color:var(--soft);font-size:13px}
@media print{:root{--ink:#000;--soft:#444;--paper:#fff;--panel:#fff;--rule:#ccc;--trial:#8db4e2;
--best:#c2410c;--mean:#0f766e;--good:#157347;--bad:#b3261e;--partly:#8a5a00;--mark:#eef5ff}
body{font-size:12px;print-color-adjust:exact;-webkit-print-color-adjust:exact}
main{max-width:none;padding:0}h2,h3{break-after:avoid}h2{margin-top:22px}
.summary{font-size:14px}small,.note,.item-id,.legend{font-size:10px}th,td{padding:3px 6px}
.results td:last-child{width:96px}svg.interval{width:90px}figure,tr,svg.curve{break-inside:avoid}
.items{grid-template-columns:1fr 1fr}.asked img,.no-picture{width:80px;height:80px}
.question{font-size:13px}.answers,.answers th,.plain th,.plain td{font-size:11px}
pre{font-size:10px}}
)";

}  // namespace vlm
