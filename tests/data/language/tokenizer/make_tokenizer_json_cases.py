"""Makes tokenizer_json_cases.json with the Python package tokenizers: small BPE models in every
supported structure, and what the reference makes of awkward texts.

usage: python3 make_tokenizer_json_cases.py > tokenizer_json_cases.json
"""

import json
import sys

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers
from tokenizers import pre_tokenizers, processors, trainers

CORPUS = [
    "the quick brown fox jumps over the lazy dog. It's 1234567 o'clock, isn't it?",
    "there then them these those that this thing think  two  blanks   three",
    "私は猫です。今日は天気がいいから散歩に行こう。猫が好きです。",
    "def f(x):\n    return x + 1\n\n\nclass A:\n\tpass\n",
    "été été déjà café über Straße naïve",
] * 3

TEXTS = [
    "", " ", "  ", "\n", "a", " a", "a ", "  a  b   c    ", "the cat's 12345 toys, isn't IT'S 'LL?",
    "x=1;y=22;z=333;1234567890", "私は猫です。今日は2024年。", "mixed 日本語 and English の文。",
    "tab\tand\nnewline\r\n\r\n  end  \n", "été e\u0301te\u0301 ﬁ ﬂ Å ① ﾊﾟ", "emoji 👍🏿 🇯🇵 1️⃣",
    "\x0bvertical\x0b \x85next\u2003em\u3000ideographic\u00a0nbsp", "▁low▁line ▁▁", "<0xE3> <0x0A>",
    "<s>the</s>", "<s> the </s> fox", "a<x>b", "a <x> b", "  <x>  <x>", "the<word>fox <word> fox<word>",
    "é<x>é", "<norm> a<norm>b ＜norm＞", "don't DON'T can'ſ 'S 's", "\u200b\ufeff zero\u200dwidth", "½ ² ٣٤ Ⅷ",
    "!!!??? ...   ---", "a\u0301\u0301b", "\u0000nul", "trailing\n\n", "Hello World  ",
]

GPT2 = pre_tokenizers.ByteLevel
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
DEEPSEEK = (r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
            r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
ADDED = [AddedToken("<s>", special=True), AddedToken("</s>", special=True),
         AddedToken("<x>", lstrip=True, rstrip=True, special=True),
         AddedToken("<word>", single_word=True, special=False, normalized=False),
         AddedToken("<norm>", normalized=True, special=False)]


def byte_level(pre, *, normalizer=None, post=None, size=420):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=size, show_progress=False, initial_alphabet=GPT2.alphabet()))
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_tokens(ADDED)
    if post:
        tokenizer.post_processor = post(tokenizer)
    return tokenizer


def byte_fallback(normalizer, pre, decoder, size=420, **model):
    trained = Tokenizer(models.BPE(unk_token="<unk>"))
    trained.pre_tokenizer = pre_tokenizers.Metaspace()
    trained.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=size, show_progress=False, special_tokens=["<unk>", "<s>", "</s>"]
        + [f"<0x{byte:02X}>" for byte in range(256)]))
    state = json.loads(trained.to_str())["model"]
    merges = [tuple(merge) for merge in state["merges"]]
    tokenizer = Tokenizer(models.BPE(state["vocab"], merges, unk_token="<unk>", fuse_unk=True, **model))
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre:
        tokenizer.pre_tokenizer = pre
    if decoder:
        tokenizer.decoder = decoder
    tokenizer.add_tokens(ADDED)
    return tokenizer


def template(tokenizer, single):
    ids = [(token, tokenizer.token_to_id(token)) for token in ("<s>", "</s>") if token in single]
    return processors.TemplateProcessing(single=single, special_tokens=ids)


def llama_decoder():
    return decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                              decoders.Strip(" ", 1, 0)])


def llama_normalizer():
    return normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])


def split(pattern, behavior, invert=False):
    return pre_tokenizers.Split(Regex(pattern), behavior, invert)


def sequence(*parts):
    return pre_tokenizers.Sequence(list(parts))


def structures():
    plain = GPT2(add_prefix_space=False, use_regex=False)
    yield "gpt2", byte_level(GPT2(add_prefix_space=False))
    yield "gpt2 with prefix blank", byte_level(GPT2(add_prefix_space=True))
    yield "smollm2 digits", byte_level(sequence(pre_tokenizers.Digits(True), GPT2(add_prefix_space=False)))
    yield "digits together", byte_level(sequence(pre_tokenizers.Digits(False), GPT2(add_prefix_space=False)))
    yield "llama3", byte_level(sequence(split(LLAMA3, "isolated"), plain), post=lambda made: processors.Sequence(
        [processors.ByteLevel(trim_offsets=False), template(made, "<s> $A")]))
    yield "qwen2", byte_level(sequence(split(QWEN2, "isolated"), plain), normalizer=normalizers.NFC(),
                              post=lambda made: processors.ByteLevel(trim_offsets=False))
    yield "o200k", byte_level(sequence(split(O200K, "isolated"), plain))
    yield "deepseek", byte_level(sequence(split(r"\p{N}{1,3}", "isolated"), split("[一-龥\u3040-ゟ゠-ヿ]+", "isolated"),
                                          split(DEEPSEEK, "isolated"), plain))
    yield "template", byte_level(GPT2(add_prefix_space=False), normalizer=normalizers.NFKC(),
                                 post=lambda made: template(made, "</s> <s> $A </s>"))
    for behavior in ("removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"):
        for invert in (False, True):
            yield f"split {behavior} {invert}", byte_level(
                sequence(split(r"\s|[aeiou]", behavior, invert), plain), size=300)
    yield "split at a string", byte_level(sequence(pre_tokenizers.Split(" ", "merged_with_next"), plain),
                                          normalizer=normalizers.NFKD(), size=300)
    yield "llama", byte_fallback(llama_normalizer(), None, llama_decoder(), byte_fallback=True)
    yield "llama without byte fallback", byte_fallback(llama_normalizer(), None, llama_decoder())
    for scheme in ("always", "first", "never"):
        for cut in (True, False):
            space = dict(replacement="▁", prepend_scheme=scheme, split=cut)
            yield f"metaspace {scheme} {cut}", byte_fallback(
                None, pre_tokenizers.Metaspace(**space), decoders.Metaspace(replacement="▁", prepend_scheme=scheme),
                byte_fallback=True, ignore_merges=cut)
    yield "gemma", byte_fallback(normalizers.Replace(" ", "▁"), pre_tokenizers.Split(" ", "merged_with_previous"),
                                 decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(),
                                                    decoders.Fuse()]), byte_fallback=True)
    yield "no decoder", byte_fallback(normalizers.Sequence(
        [normalizers.NFD(), normalizers.Replace(Regex(r"\s+"), "▁")]), None, None, byte_fallback=True)


def case(tokenizer, text):
    ids = tokenizer.encode(text).ids
    return {"text": text, "ids": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=True),
            "decoded_all": tokenizer.decode(ids, skip_special_tokens=False)}


def broken(tokenizer):
    """Decodes ids in an order that gives broken characters."""
    size = tokenizer.get_vocab_size()
    lists = [[(7 * i * i + 3 * i + k) % size for i in range(25)] for k in range(4)]
    return [{"ids": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=True)} for ids in lists]


def main():
    result = {"tokenizers": tokenizers.__version__, "structures": []}
    for name, tokenizer in structures():
        result["structures"].append({"name": name, "file": json.loads(tokenizer.to_str()),
                                     "cases": [case(tokenizer, text) for text in TEXTS],
                                     "broken": broken(tokenizer)})
    json.dump(result, sys.stdout, ensure_ascii=False, separators=(",", ":"))


main()
