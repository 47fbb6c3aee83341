#!/usr/bin/python3
"""Trains `language`: which of 24 languages a short text is written in.

Data: the Unicode CLDR (Debian's unicode-cldr-core): what each character and emoji is called, with keywords, in every
language, and the names of places, languages, units and dates. A tenth of the characters is held out, the same ones
in all languages, so that no translation of a held-out phrase is trained on.

Model: logistic regression on how often each of a few thousand sequences of 1 to 3 letters occurs. The text is cut
into letters inside the graph, by ONNX Runtime's own Tokenizer operator (com.microsoft, part of every build).
"""

import collections
import pathlib
import re
import unicodedata
import xml.etree.ElementTree as xml

import numpy as np
from onnx import helper
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

import common

LANGUAGES = "ar cs da de el en es fi fr he hi hu it ja ko nl pl pt ro ru sv tr uk vi".split()
CLDR = pathlib.Path("/usr/share/unicode/cldr/common")
GRAMS_PER_LANGUAGE, LONGEST_GRAM, RAREST_LETTER = 400, 3, 20
UNKNOWN, SPACE = 0, 1


def annotations(language):
    """Pairs of a character and a phrase: its name, and its keywords in a row."""
    for node in xml.parse(CLDR / "annotations" / f"{language}.xml").iter("annotation"):
        if node.text and node.text != "↑↑↑":
            yield node.get("cp"), node.text.replace(" | ", " ")


def names(language):
    """The phrases of the locale's main file, without placeholders."""
    root = xml.parse(CLDR / "main" / f"{language}.xml").getroot()
    for part in ("localeDisplayNames", "dates/fields", "dates/calendars/calendar[@type='gregorian']", "units"):
        for node in root.iterfind(f"{part}//*"):
            text = re.sub(r"\{\d\}|'", " ", node.text or "").strip()
            # Date patterns such as "EEEE, d. MMMM" are no language, nor are codes and abbreviations of one or two letters.
            if not re.search(r"([A-Za-z])\1|\b[dMyGHhm]\b|[↑·/]", text) and sum(map(str.isalpha, text)) >= 3:
                yield text


def letter(character):
    """Whether a character says anything about the language; marks are the vowels of Hindi and others."""
    return unicodedata.category(character)[0] in "LM"


texts = {language: list(annotations(language)) for language in LANGUAGES}
characters = sorted({c for pairs in texts.values() for c, _ in pairs})
order = np.random.default_rng(common.SEED).permutation(len(characters))
held_characters = {characters[i] for i in order[: len(characters) // 10]}

train, held = [], []
for label, language in enumerate(LANGUAGES):
    for character, text in texts[language]:
        (held if character in held_characters else train).append((text, label))
    train += [(text, label) for text in dict.fromkeys(names(language))]
known = {text for text, _ in train}
held = [(text, label) for text, label in held if text not in known]

# Letters become numbers; upper and lower case share one, as do digits, spaces and punctuation.
frequency = collections.Counter(c for text, _ in train for c in text.lower() if letter(c))
alphabet = sorted(c for c, n in frequency.items() if n >= RAREST_LETTER)
numbers = {c: i for i, c in enumerate(alphabet, SPACE + 1)}
numbers.update({c.upper(): i for c, i in list(numbers.items()) if len(c.upper()) == 1 and c.upper().lower() == c})
numbers.update({chr(c): SPACE for c in range(32, 127) if not letter(chr(c))})
numbers.update({c: SPACE for c in "\t\n\r\u00a0\u2013\u2014\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb\u3001\u3002\u060c"})


def grams(text):
    """Every sequence of 1 to 3 letters that could be in the vocabulary, as the graph counts them."""
    row = [SPACE, *(numbers.get(c, UNKNOWN) for c in text), SPACE]
    for length in range(1, LONGEST_GRAM + 1):
        for start in range(len(row) - length + 1):
            gram = tuple(row[start : start + length])
            # Two spaces in a row, or a lone one, would count the padding of the batch.
            if UNKNOWN not in gram and (SPACE, SPACE) not in zip(gram, gram[1:]) and gram != (SPACE,):
                yield gram


counts = [collections.Counter() for _ in LANGUAGES]
for text, label in train:
    counts[label].update(set(grams(text)))
chosen = {g for count in counts for g, _ in sorted(count.items(), key=lambda i: (-i[1], i[0]))[:GRAMS_PER_LANGUAGE]}
# The operator wants its pool by length.
vocabulary = sorted(chosen, key=lambda gram: (len(gram), gram))
columns = {gram: i for i, gram in enumerate(vocabulary)}


def features(rows):
    """The matrix of counts the graph computes."""
    values, indices, starts = [], [], [0]
    for text, _ in rows:
        found = collections.Counter(columns[g] for g in grams(text) if g in columns)
        indices += found.keys()
        values += found.values()
        starts.append(len(indices))
    return csr_matrix((values, indices, starts), shape=(len(rows), len(columns)), dtype=np.float64)


labels = np.array([label for _, label in train])
regression = LogisticRegression(C=0.1, max_iter=300).fit(features(train), labels)
guesses, truth = regression.predict(features(held)), np.array([label for _, label in held])
print(f"language: {len(train)} phrases, {len(alphabet)} letters, {len(vocabulary)} sequences")
for least in (1, 20, 40):
    long = np.array([len(text) >= least for text, _ in held])
    right = int((guesses == truth)[long].sum())
    print(f"language: held-out phrases of {least} letters or more: {right}/{long.sum()} right ({right / long.sum():.2%})")

pool = [number for gram in vocabulary for number in gram]
firsts = [sum(len(g) for g in vocabulary if len(g) < n) for n in range(1, LONGEST_GRAM + 1)]
nodes = [
    helper.make_node(
        "Tokenizer", ["text"], ["letters"], domain="com.microsoft", mark=0, mincharnum=1, pad_value=" ", separators=[""]
    ),
    helper.make_node("Squeeze", ["letters", "one"], ["row"]),
    helper.make_node(
        "LabelEncoder",
        ["row"],
        ["numbers"],
        domain="ai.onnx.ml",
        keys_strings=list(numbers),
        values_int64s=list(numbers.values()),
        default_int64=UNKNOWN,
    ),
    helper.make_node("Pad", ["numbers", "both_ends", "space"], ["bounded"]),
    helper.make_node(
        "TfIdfVectorizer",
        ["bounded"],
        ["counts"],
        mode="TF",
        min_gram_length=1,
        max_gram_length=LONGEST_GRAM,
        max_skip_count=0,
        ngram_counts=firsts,
        ngram_indexes=list(range(len(vocabulary))),
        pool_int64s=pool,
    ),
    helper.make_node("Gemm", ["counts", "weight", "bias"], ["logits"]),
    helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    helper.make_node("ArgMax", ["logits"], ["index"], axis=1, keepdims=1),
    helper.make_node(
        "LabelEncoder",
        ["index"],
        ["language"],
        domain="ai.onnx.ml",
        keys_int64s=list(range(len(LANGUAGES))),
        values_strings=LANGUAGES,
        default_string="",
    ),
]
common.save(
    "language",
    nodes,
    [common.tensor("text", common.STRING, "batch", 1)],
    [
        common.tensor("language", common.STRING, "batch", 1),
        common.tensor("probabilities", common.FLOAT, "batch", len(LANGUAGES)),
    ],
    [
        common.constant("one", np.array([1], np.int64)),
        common.constant("both_ends", np.array([0, 1, 0, 1], np.int64)),
        common.constant("space", np.array(SPACE, np.int64)),
        common.constant("weight", regression.coef_.T.astype(np.float32)),
        common.constant("bias", regression.intercept_.astype(np.float32)),
    ],
    "Language of a short text. Trained on the Unicode CLDR's character annotations and names.",
    domains=[("ai.onnx.ml", 2), ("com.microsoft", 1)],
)
(common.REPOSITORY / "language" / "language_labels.txt").write_text("\n".join(LANGUAGES) + "\n")
