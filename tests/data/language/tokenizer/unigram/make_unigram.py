"""Makes tokenizer.model, a small unigram model, and cases.jsonl with the Python package
sentencepiece.

usage: python3 make_unigram.py     (in this directory)
"""

import json

import sentencepiece

SENTENCES = [
    "The quick brown fox jumps over the lazy dog.", "There are 12 apples and 30 oranges.",
    "Where is the cat? The cat is under the table.", "It's raining, isn't it?",
    "私は猫です。", "今日は天気がいいから散歩に行こう。", "この写真には何が写っていますか？",
    "りんごが3個、みかんが5個あります。", "東京都庁は新宿区にあります。",
] * 20

TEXTS = [
    "", " ", "the cat", "  The   quick  fox ", "There are 12 apples.", "私は猫です。", "写真には猫が3匹います。",
    "mixed 日本語 text", "emoji 👍🏿", "a\nb\tc", "unseen: Ωß", "▁▁ low", "the cat\u3000です",
]

sentencepiece.SentencePieceTrainer.train(
    sentence_iterator=iter(SENTENCES), model_prefix="tokenizer", model_type="unigram",
    vocab_size=420, byte_fallback=True, normalization_rule_name="identity",
    hard_vocab_limit=False, num_threads=1)

model = sentencepiece.SentencePieceProcessor(model_file="tokenizer.model")
with open("cases.jsonl", "w", encoding="utf-8") as file:
    for text in TEXTS:
        ids = model.encode(text)
        pieces = [model.id_to_piece(i) for i in ids]
        line = {"text": text, "ids": ids, "pieces": pieces, "decoded": model.decode(ids)}
        file.write(json.dumps(line, ensure_ascii=False) + "\n")
