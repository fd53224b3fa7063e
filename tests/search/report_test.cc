#include "search/report.h"

#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "core/error.h"
#include "core/files.h"
#include "search/html_text.h"
#include "search/plot_axis.h"
#include "search/report_curve.h"
#include "search/report_genes.h"
#include "search/report_origin.h"
#include "search/report_picture.h"
#include "search/report_samples.h"
#include "search/report_table.h"

namespace vlm {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kWorker = "host:1:2";
constexpr const char* kScript = "<script>alert('\"x\"')</script>";
constexpr const char* kEscapedScript =
    "&lt;script&gt;alert(&#39;&quot;x&quot;&#39;)&lt;/script&gt;";

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

TEST(EscapeHtml, LeavesNoMarkupAndNoControlCharacters) {
  EXPECT_EQ(escape_html("a<b>&\"'\n\t果物"), "a&lt;b&gt;&amp;&quot;&#39;\n\t果物");
  EXPECT_EQ(escape_html(std::string("\0\x1B", 2)), "\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(DecimalText, RoundsAndSignsNumbers) {
  EXPECT_EQ(decimal_text(0.12345, 3), "0.123");
  EXPECT_EQ(decimal_text(2.0, 0), "2");
  EXPECT_EQ(signed_text(0.25, 2), "+0.25");
  EXPECT_EQ(signed_text(-0.25, 2),
            "\xE2\x88\x92"
            "0.25");
  EXPECT_EQ(signed_text(-0.0004, 3), "+0.000");
  EXPECT_GT(decimal_text(1e308, 3).size(), 300U);
}

TEST(PlotAxis, LabelsAreRoundAndEncloseTheRange) {
  const AxisTicks ticks = enclosing_ticks(0.713, 0.797, 5);
  EXPECT_THAT(ticks.values, ElementsAre(DoubleNear(0.70, 1e-12), DoubleNear(0.72, 1e-12),
                                        DoubleNear(0.74, 1e-12), DoubleNear(0.76, 1e-12),
                                        DoubleNear(0.78, 1e-12), DoubleNear(0.80, 1e-12)));
  EXPECT_EQ(ticks.digits, 2);
  EXPECT_THAT(enclosing_ticks(-1.0, 1.0, 4).values, ElementsAre(-1.0, -0.5, 0.0, 0.5, 1.0));
  EXPECT_THAT(enclosing_whole_ticks(0.0, 3.0, 8).values, ElementsAre(0.0, 1.0, 2.0, 3.0));
}

TEST(PlotAxis, DegenerateRangesStillMakeAnAxis) {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const auto& [low, high] : std::vector<std::pair<double, double>>{{0.0, 0.0},
                                                                        {0.5, 0.5},
                                                                        {1e300, 1e300},
                                                                        {-infinity, infinity},
                                                                        {1.0, 0.0},
                                                                        {7e11, 1e12}}) {
    const AxisTicks ticks = enclosing_ticks(low, high, 5);
    EXPECT_GE(ticks.values.size(), 2U) << low << " " << high;
    EXPECT_LE(ticks.values.size(), 20U) << low << " " << high;
    EXPECT_LT(ticks.values.front(), ticks.values.back()) << low << " " << high;
  }
}

TEST(Base64, MatchesRfc4648) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64("\xFB\xFF"), "+/8=");
}

TEST(PictureMediaType, KnowsPicturesByTheirFirstBytes) {
  EXPECT_EQ(picture_media_type("\x89PNG\r\n\x1A\n..."), "image/png");
  EXPECT_EQ(picture_media_type("\xFF\xD8\xFF\xE0"), "image/jpeg");
  EXPECT_EQ(picture_media_type("RIFF....WEBPVP8 "), "image/webp");
  EXPECT_EQ(picture_media_type("<svg onload=alert(1)>"), std::nullopt);
  EXPECT_EQ(picture_media_type("RIFF"), std::nullopt);
}

TEST(EveryNth, TakesItemsAtEqualDistancesFromTheFirst) {
  EXPECT_THAT(every_nth(10, 3), ElementsAre(0, 3, 6));
  EXPECT_THAT(every_nth(2, 6), ElementsAre(0, 1));
  EXPECT_THAT(every_nth(0, 6), ElementsAre());
  EXPECT_THAT(every_nth(6, 0), ElementsAre());
}

TEST(GeneName, SplitsIntoModelModuleAndLayer) {
  const GeneName layered = split_gene_name("ja.attention.3");
  EXPECT_EQ(layered.model, "ja");
  EXPECT_EQ(layered.module, "attention");
  EXPECT_EQ(layered.layer, 3U);
  EXPECT_EQ(split_gene_name("ja.rest").module, "rest");
  EXPECT_EQ(split_gene_name("ja.rest").layer, std::nullopt);
  EXPECT_EQ(split_gene_name("ja.12").model, "ja");
  EXPECT_EQ(split_gene_name("ja.12").module, "");
  EXPECT_EQ(split_gene_name("7").model, "7");
}

TEST(GeneCharts, OneChartForEachModuleOverLayersAndOneForTheRest) {
  const std::string html = gene_charts(
      {{"ja.mlp.10", 0.4}, {"ja.mlp.2", 0.2}, {"ja.attention.0", 1.0}, {"ja.rest", -0.5}});
  EXPECT_EQ(count_of(html, "<svg"), 3U);
  EXPECT_EQ(count_of(html, "class='gene'"), 4U);
  EXPECT_LT(html.find("2: 0.2000"), html.find("10: 0.4000"));  // by number, not by letter
}

Trial trial(std::int64_t number, std::optional<double> fitness, std::size_t generation) {
  Trial result;
  result.number = number;
  result.generation = generation;
  result.state = fitness ? TrialState::kComplete : TrialState::kFailed;
  if (fitness) result.values = {*fitness};
  return result;
}

TEST(FitnessCurve, ShowsEveryTrialMarksFailuresAndIgnoresOpenOnes) {
  std::vector<Trial> trials{trial(0, 0.25, 0), trial(1, std::nullopt, 0), trial(2, 0.75, 1),
                            trial(3, std::numeric_limits<double>::infinity(), 1), Trial{}};
  const std::string svg = fitness_curve_svg(trials, Direction::kMaximize);
  EXPECT_EQ(count_of(svg, "class='trial'"), 2U);
  EXPECT_EQ(count_of(svg, "class='failed'"), 2U);
  EXPECT_THAT(svg, HasSubstr("trial 2, generation 1: 0.7500"));
  EXPECT_EQ(count_of(svg, "inf"), 0U);
  EXPECT_EQ(fitness_curve_svg(std::vector<Trial>(3), Direction::kMaximize), "");
}

TEST(FitnessCurve, BestSoFarFollowsTheDirection) {
  const std::vector<Trial> trials{trial(0, 0.5, 0), trial(1, 0.7, 0), trial(2, 0.6, 0)};
  const auto steps = [&](Direction direction) {
    const std::string svg = fitness_curve_svg(trials, direction);
    const std::size_t start = svg.find("points=", svg.find("class='best'"));
    const std::string points = svg.substr(start, svg.find("/>", start) - start);
    return count_of(points, ",");
  };
  EXPECT_EQ(steps(Direction::kMaximize), 4U);  // one step up, at trial 1
  EXPECT_EQ(steps(Direction::kMinimize), 3U);  // 0.5 stays the best
}

TEST(FitnessCurve, FewBadTrialsDoNotSqueezeTheOthers) {
  std::vector<Trial> trials;
  for (int i = 0; i < 100; ++i) trials.push_back(trial(i, 0.79 + 0.0001 * i, 0));
  trials[19].values = {0.0};
  const std::string svg = fitness_curve_svg(trials, Direction::kMaximize);
  EXPECT_EQ(count_of(svg, "class='trial beyond'"), 1U);
  EXPECT_EQ(count_of(svg, "class='trial'"), 99U);
  EXPECT_THAT(svg, HasSubstr("trial 19, generation 0: 0.0000"));
}

TEST(DurationText, ChoosesUnitsForPeople) {
  EXPECT_EQ(duration_text(8.24), "8.2 s");
  EXPECT_EQ(duration_text(59.97), "1 min 0 s");
  EXPECT_EQ(duration_text(200.0), "3 min 20 s");
  EXPECT_EQ(duration_text(7500.0), "2 h 5 min");
}

TEST(MetricInWords, DescribesKnownMetricsOnly) {
  EXPECT_THAT(metric_in_words("acc_ja"),
              HasSubstr("last number is right and that are in Japanese"));
  EXPECT_EQ(metric_in_words(kScript), "");
}

ModelTable table() {
  const PairedDifference ahead{0.25, 0.10, 0.40, 0.99, 0};
  const PairedDifference unsure{0.01, -0.05, 0.07, 0.6, 0};
  return {{{"ja-emoji-vqa/test", "rougeL_ja"}, {"en-emoji-vqa/test", "rougeL"}},
          {{"English VLM", ComparisonRole::kParent, false, {0.2, 0.9}, 0.55, {0.0, 0.0}, ahead},
           {kScript, ComparisonRole::kParent, true, {0.4, 0.1}, 0.25, {1.0, 0.0}, ahead},
           {"average", ComparisonRole::kUniform, false, {0.7, 0.88}, 0.79, {1.0, 0.0}, unsure},
           {"evolved", ComparisonRole::kEvolved, false, {0.7, 0.9}, 0.80, {1.0, 0.0}, {}}}};
}

TEST(ModelTableHtml, BestOfEveryColumnIsBoldAndBlindRowsAreMarked) {
  const std::string html = model_table_html(table());
  EXPECT_EQ(count_of(html, "<b>0.700</b>"), 2U);  // equal scores are equally good
  EXPECT_EQ(count_of(html, "<b>0.900</b>"), 2U);
  EXPECT_EQ(count_of(html, "<b>0.800</b>"), 1U);
  EXPECT_THAT(html, HasSubstr("parent, without the picture"));
  EXPECT_THAT(html, HasSubstr("+0.250 <small>[+0.100, +0.400]"));
  EXPECT_THAT(html, HasSubstr("too close to call"));
  EXPECT_THAT(html, HasSubstr("100 % in Japanese"));
}

TEST(Verdict, ComparesWithTheBestParentAndTheBestOfAllOthers) {
  const std::string html = verdict_html(table());
  EXPECT_THAT(html, HasSubstr("Its best parent, <b>English VLM</b>, scores 0.550"));
  EXPECT_THAT(html, HasSubstr("other rows, <b>average</b>, scores 0.790"));
  EXPECT_EQ(verdict_html(ModelTable{}), "");
}

std::string sample_line(const std::string& benchmark, const std::string& id,
                        const std::string& question, const std::string& prediction) {
  const char* metric = benchmark == "ja-emoji-vqa" ? "rougeL_ja" : "rougeL";
  return Json{{"benchmark", benchmark},
              {"split", "test"},
              {"id", id},
              {"question", question},
              {"reference", "果物です。"},
              {"prediction", prediction},
              {"p_ja", 1.0},
              {"scores", {{metric, 0.5}}}}
             .dump() +
         "\n";
}

class ReportTest : public ::testing::Test {
 protected:
  ReportTest()
      : folder(std::filesystem::temp_directory_path() /
               ("vlm_report_" + std::to_string(getpid()) + "_" +
                ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
  }
  ~ReportTest() override { std::filesystem::remove_all(folder); }
  ReportTest(const ReportTest&) = delete;
  ReportTest& operator=(const ReportTest&) = delete;

  // A study whose every text is hostile, with one complete, one failed and one waiting trial.
  [[nodiscard]] StudyStore running_study() const {
    StudyStore store =
        StudyStore::create(folder / "study.db", {kScript,
                                                 {Direction::kMaximize},
                                                 {{"seed", "42"}, {kScript, kScript}},
                                                 {{"search_file", kScript}}});
    const SearchSpace space{{{"ja.<script>.0", 0.0, 1.5, 0.5}}};
    store.ask_generation({0, Json::object()}, space,
                         std::vector<std::vector<double>>{{0.5}, {0.6}, {0.7}});
    Evaluation evaluation;
    evaluation.values = {0.625};
    evaluation.seconds = {{"merge", 0.5}, {"evaluate", 9.5}};
    store.tell_complete(store.claim(kWorker)->id, kWorker, evaluation);
    store.tell_failed(store.claim(kWorker)->id, kWorker, kScript);
    return store;
  }

  [[nodiscard]] StudyStore finished_study() const {
    StudyStore store = running_study();
    store.set_document("model_table", model_table_to_json(table()));
    for (const char* model : {"evolved", "English VLM", kScript}) {
      store.set_document(
          "samples " + std::string(model),
          sample_line("ja-emoji-vqa", "t0000", "右のものは何の仲間ですか？", kScript) +
              sample_line("ja-emoji-vqa", kScript, kScript, ""));
    }
    store.set_document("best_recipe", kScript);
    store.set_document("summary", Json{{"best_trial", 0}, {"version", kScript}});
    return store;
  }

  std::filesystem::path folder;
};

TEST_F(ReportTest, EverythingFromDataIsEscaped) {
  const std::string html = report_html(finished_study(), VLM_PROJECT_DIR);
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_GT(count_of(html, kEscapedScript), 10U);
}

TEST_F(ReportTest, PageNeedsNothingElse) {
  const std::string html = report_html(finished_study(), VLM_PROJECT_DIR);
  EXPECT_THAT(html, HasSubstr("src='data:image/png;base64,iVBOR"));
  EXPECT_EQ(count_of(html, "src="), 1U);
  for (const char* outside : {"http:", "https:", "href=", "url(", "@import"}) {
    EXPECT_THAT(html, Not(HasSubstr(outside)));
  }
}

TEST_F(ReportTest, AnswersOfEvolvedParentsAndControlsStandSideBySide) {
  const std::string html = report_html(finished_study(), VLM_PROJECT_DIR);
  EXPECT_EQ(count_of(html, "<article"), 2U);
  EXPECT_EQ(count_of(html, "≈ 0.50"), 6U);
  EXPECT_EQ(count_of(html, "(no answer)"), 3U);
  EXPECT_THAT(html, HasSubstr("2 of 2 questions"));
  EXPECT_THAT(html, HasSubstr("95.0 %"));  // of the time went into evaluating
}

TEST_F(ReportTest, MissingDataLeavesANoteInPlaceOfThePicture) {
  const std::string html = report_html(finished_study(), folder / "nowhere");
  EXPECT_THAT(html, HasSubstr("picture not found"));
  EXPECT_THAT(html, HasSubstr("pictures are missing"));
  EXPECT_THAT(html, Not(HasSubstr("<img")));
}

TEST_F(ReportTest, PictureOfAnotherQuestionIsNotShown) {
  StudyStore store = finished_study();
  store.set_document("samples evolved", sample_line("ja-emoji-vqa", "t0000", "別の質問", "答え"));
  const std::string html = report_html(store, VLM_PROJECT_DIR);
  EXPECT_THAT(html, HasSubstr("other data"));
  EXPECT_THAT(html, Not(HasSubstr("<img")));
}

TEST_F(ReportTest, StudyThatHasNotEndedShowsWhatThereIs) {
  const std::string html = report_html(running_study(), VLM_PROJECT_DIR);
  EXPECT_THAT(html, HasSubstr("The search has not ended"));
  EXPECT_THAT(html, HasSubstr("1 trial waits or runs"));
  EXPECT_THAT(html, HasSubstr("2 merges (1 failed)"));
  EXPECT_THAT(html, HasSubstr("0.6250"));
  EXPECT_THAT(html, Not(HasSubstr("Sample answers")));
}

TEST_F(ReportTest, EmptyStudyMakesAPage) {
  const StudyStore store =
      StudyStore::create(folder / "empty.db", {"empty", {Direction::kMaximize}, {}, {}});
  EXPECT_THAT(report_html(store, VLM_PROJECT_DIR), HasSubstr("No trial has ended yet"));
}

TEST_F(ReportTest, DocumentsNobodyCanHaveWrittenAreRefused) {
  for (const auto& [name, content] :
       std::vector<std::pair<std::string, Json>>{{"samples evolved", 7},
                                                 {"samples evolved", "{\"benchmark\": 1}"},
                                                 {"best_recipe", Json::array()},
                                                 {"summary", {{"best_trial", 2}}},
                                                 {"summary", 1},
                                                 {"model_table", {{"columns", 1}}}}) {
    {
      StudyStore store = finished_study();
      store.set_document(name, content);
      EXPECT_THROW(report_html(store, VLM_PROJECT_DIR), Error) << name << content;
    }
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
  }
}

}  // namespace
}  // namespace vlm
