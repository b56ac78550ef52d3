"""The rules of `medilora prepare mimic` as a plain Python 3 script over `re` and `csv`, to compare speed and results.

    python3 bench/mimic_reference.py NOTEEVENTS.csv OUTPUT.jsonl HEADERS.json

HEADERS.json is {spelling: section}, as bench/mimic.ts writes it. Prints one JSON object: notes, characters in, CPU seconds,
peak resident memory in MB.
"""
import csv
import json
import re
import resource
import sys

csv.field_size_limit(1 << 28)

ODD = re.compile("\r\n?|[\x00-\x09\x0b-\x1f\x7f-\xa0\xad\u1680\u2000-\u200f\u2028-\u202f\u205f-\u2064\u3000\ufeff]")
BLANK = set("\t\x0b\x0c\xa0\u1680\u202f\u205f\u3000") | {chr(code) for code in range(0x2000, 0x200B)}


def odd(match):
    char = match.group()
    if char[0] == "\r" or char in "\x85\u2028\u2029":
        return "\n"
    return " " if char in BLANK else ""


FIELD_BRACKETS = re.compile(
    r"\[ {0,3}_{2,}(?: {1,3}_+)* {0,3}\]|\{ {0,3}_{2,}(?: {1,3}_+)* {0,3}\}|\( {0,3}_{2,}(?: {1,3}_+)* {0,3}\)"
)
EMPTY_BOX = re.compile(r"\[_\]|\(_\)|\{_\}")
TICKED = re.compile(r"[\[({]?(?<![A-Za-z0-9_])_{1,20} ?[xX✓✔] ?_{1,20}(?![A-Za-z0-9_])[\])}]?")
FIELD = re.compile(r"(?<!_)_{3,}")


def fields(text):
    return "\n".join(line if "_" not in line or not line.strip("_ ") else field_line(line) for line in text.split("\n"))


def field_line(line):
    boxed = EMPTY_BOX.sub("[ ]", line)
    ticked = TICKED.sub("[x]", boxed)
    blank = " " if ticked == boxed else "[ ]"
    return FIELD.sub(blank, FIELD_BRACKETS.sub(blank, ticked))


RULER_LINE = re.compile(r"^[-=_*~#.+ ]{3,}$", re.M)
RUN = re.compile(r"([-=_*~#.])\1{3,}")

BULLET = re.compile(r"^ *(?:\*{1,3}|[•·▪◦‣]|->|--|#(?!\d)) *")
NUMBER = re.compile(r"^ *(\d{1,2})[.)](?= *[A-Za-z]| *$) *")
MARKER_ONLY = re.compile(r"^(?:-|\d{1,2}\.) *$")
ITEM = re.compile(r"^ *(?:[-+] |\d{1,2}\. |\(\d{1,2}\) +[A-Z])")


def normalised(line):
    if bullet := BULLET.match(line):
        return "- " + line[bullet.end():]
    if number := NUMBER.match(line):
        return f"{number.group(1)}. {line[number.end():]}"
    return line


def lists(text):
    result = []
    marker = None
    for line in text.split("\n"):
        item = normalised(line)
        if marker is not None and not item.strip():
            continue
        new = ITEM.match(item)
        if marker is not None and new:
            result.append(marker)
        whole = item if marker is None or new else f"{marker} {item.lstrip()}"
        marker = whole.rstrip() if MARKER_ONLY.match(whole) else None
        if marker is None:
            result.append(whole)
    if marker is not None:
        result.append(marker)
    return "\n".join(result)


LABEL_LINE = re.compile(
    r"^ *(?:[A-Z][\w/&.-]{0,30}(?: [\w/&.-]{1,30}){0,4} ?:|[A-Z][A-Z &/,-]{1,70}:|(?:\[\*\*\d[^\]\n]{0,20}\] *)?\d{1,2}:\d\d)",
    re.A,
)
STARTS_LOWER = re.compile(r"^ *(?:[a-z]|\((?!\d{1,2}\) +[A-Z]))")
ENDS_OPEN = re.compile(r"[A-Za-z0-9,]$")
CUT_WORD = re.compile(r"[A-Za-z0-9][-/]$")


def separator(before, line):
    if not line or len(before) < 40:
        return "\n"
    goes_on = len(before) >= 50 or (STARTS_LOWER.search(line) and ENDS_OPEN.search(before))
    if not goes_on or ITEM.match(line) or LABEL_LINE.match(line) or is_header_line(line) or is_header_line(before):
        return "\n"
    return "" if CUT_WORD.search(before) else " "


def wraps(text):
    parts = []
    before = ""
    for raw in text.split("\n"):
        line = raw.rstrip()
        between = separator(before, line) if parts else ""
        parts += [between, line if between == "\n" or not parts else line.lstrip()]
        before = line
    return "".join(parts)


PLACEHOLDER = re.compile(r"\[\*\*((?:(?!\[\*\*|\*\*\])[\s\S]){0,200})\*\*\]|\[\*\*|\*\*\]")
KINDS = [
    ("age", r"age over"),
    ("ward", r"ward"),
    ("hospital", r"hospital"),
    ("place", r"location|state|country|street|address|city|town|university|company|po box"),
    ("other", r"telephone|fax|number|identifier|mail|url|username"),
    ("patient", r"known"),
    ("name", r"name|initials|attending|doctor|dictator"),
    ("date", r"date|month|day|year|^[\d\s/-]+$"),
]
KINDS = [(kind, re.compile(pattern, re.I)) for kind, pattern in KINDS]
TITLE = re.compile(r"(?:^|[^A-Za-z])(Mrs?|Ms|Miss|Drs?|Doctor|Prof(?:essor)?)\.? ?$", re.I)
PREPOSITION = re.compile(r"(^|[^A-Za-z])(?:on|in|at|from|to|until|till|since|by|dated|near|of)(?: the)?[ \n]?$", re.I)
PREPOSITION_OF_NAME = re.compile(r"(^|[^A-Za-z])(?:with|by|to|from|for|per|named|and|or)[ \n]?$", re.I)
PATIENT = re.compile(r"(?:^|[^A-Za-z])(?:pt\.? ?|(?:patient|baby (?:girl|boy)|infant|newborn)[, (]{0,3})$", re.I)
DETERMINER = re.compile(r"(?:^|[^A-Za-z])(?:the|a|an|this|that|our|your|his|her|their|another|outside) ?$", re.I)
RELATIVE = re.compile(
    r"(?:^|[^A-Za-z])(?:wife|husband|spouse|partner|son|daughter|mother|father|brother|sister|niece|nephew|friend)[ ,:(]*$",
    re.I,
)
SENTENCE_START = re.compile(r"(?:^|[.!?:][\"')]? {1,2}|\n)$")


def placeholders(text):
    out = ""
    done = []
    at = 0
    before = None
    gap = capital = word = False
    for match in PLACEHOLDER.finditer(text):
        between = text[at:match.start()]
        content = match.group(1)
        kind = None
        if content is not None:
            kind = "date" if re.fullmatch(r"[\d\s/-]+", content) else next((k for k, p in KINDS if p.search(content)), "other")
        group = "name" if kind == "patient" else kind
        same = before is not None and before == group and re.fullmatch(r"[ ,\n]{0,3}", between)
        if not same:
            out, gap, word = copied(out, between, gap, capital, word)
            done.append(out[:-40])
            out = out[-40:]
            if kind is None:
                out += " "
            else:
                out, text_word = word_for(out, kind)
                if text_word:
                    space = " " if re.search(r"[A-Za-z.,]$", out) else ""
                    out += space + (cap(text_word) if SENTENCE_START.search(out) else text_word)
                    gap, word = False, True
                else:
                    if kind != "other":
                        pattern = PREPOSITION if kind in ("date", "place") else PREPOSITION_OF_NAME
                        if hanging := pattern.search(out):
                            out = out[: hanging.start() + len(hanging.group(1))]
                    if out.endswith("#"):
                        out = out[:-1]
                    capital = bool(SENTENCE_START.search(out) and not PATIENT.search(out)) if out or not done or not any(done) else False
                    gap, word = True, False
        before = group
        at = match.end()
    out, _, _ = copied(out, text[at:], gap, capital, word)
    return "".join(done) + out


def copied(out, text, gap, capital, word):
    if not text:
        return out, gap, word
    if gap:
        out, text = close_gap(out, text, capital)
    elif word and re.match(r"[A-Za-z0-9]", text):
        text = " " + text
    return out + text, False, False


def close_gap(out, text, capital):
    if capital:
        return out, cap(re.sub(r"^[ ,;:]{1,3}", "", text))
    if out.endswith("(") and text.startswith(")"):
        return close_gap(out[:-1], text[1:], capital)
    if out.endswith(" ") and re.match(r"[ ,.;:)\n]", text):
        out = out[:-1]
    return out, " " + text if out.endswith(("[", "*")) else text


DOSE = re.compile(
    r"(?:\d ?(?:mg|mcg|g|gm|ml|cc|meq|units?|puffs?|tabs?|tablets?|caps?|capsules?|drops?|gtts?)|(?:^|[^A-Za-z])(?:po|iv|sc|sq|im|pr|sl|ih|neb))[.,]? ?$",
    re.A | re.I,
)


def word_for(out, kind):
    if kind == "age":
        return out, "over 90"
    if kind == "hospital" and DOSE.search(out):
        return out, ""
    if kind in ("hospital", "ward"):
        return out, kind if DETERMINER.search(out) else f"the {kind}"
    if kind not in ("patient", "name"):
        return out, ""
    title = TITLE.search(out)
    if not title and (kind == "name" or PATIENT.search(out)):
        return out, ""
    if title:
        out = out[: title.start(1)]
        if title.group(1)[0] in "DdPp":
            return out, "the physician"
    if not RELATIVE.search(out):
        return out, "the patient"
    return re.sub(r"[ ,]{1,3}$", "", out), ""


def cap(text):
    return text[:1].upper() + text[1:]


PAIR = re.compile(r"\[([^\[\]{}]{0,200})\]|\{([^\[\]{}]{0,200})\}")
BOX = re.compile(r" {0,3}[xX*+\-✓✔☑]? {0,3}")
STRAY = re.compile(r"(\[ {0,3}[xX*+\-✓✔☑]? {0,3}\]|\{ {0,3}[xX*+\-✓✔☑]? {0,3}\})|[\[\]{}]")
MARK = re.compile(
    r" *(?:sic|sp\?|\?+|!+|\.{2,}|illegible|inaudible|template|placeholder|redacted|free text"
    r"|(?:patient |first |last )?name|(?:insert|enter|fill in|select|choose) [^\n]*) *[.!?]? *",
    re.I,
)


def rounded(match):
    content = match.group(1) or match.group(2) or ""
    if "\n\n" in content:
        return f" {content} "
    if BOX.fullmatch(content):
        return match.group()
    return " " if MARK.fullmatch(content) else f"({content})"


HEADERS = json.load(open(sys.argv[3], encoding="utf-8")) if len(sys.argv) == 4 else {}
STRONG = set("medications,meds,allergies,hpi,pmh,labs,laboratory,imaging,assessment,impression,plan,disposition".split(","))
IMAGING_PARTS = {"impression", "indications", "procedure", "results"}
LAST_WORDS = {spelling.split(" ")[-1] for spelling in HEADERS}
LAST_WORD = re.compile(r"([A-Za-z0-9/&#'-]+) *(?:\([^()]{0,38}\))? *$")
WORD_BEFORE = re.compile(r"(?<![A-Za-z0-9/&#'-])([A-Za-z0-9/&#'-]+)(?: *\n *| +)$")
CAPITALS = re.compile(r"([A-Z][A-Z &/-]*[A-Z])(?: {2,}| -{1,2} )")


def bare_header(line):
    first = line.lstrip(" ")
    if not first or not "A" <= first[0] <= "Z":
        return None
    start = len(line) - len(first)
    alone = first.rstrip()
    spelling = alone.lower()
    if len(first) <= 60 and spelling in HEADERS and (alone == alone.upper() or spelling in STRONG or " " in alone):
        return start, len(line), spelling
    match = CAPITALS.match(first[:60])
    if match and match.group(1).lower() in HEADERS:
        return start, start + match.end(), match.group(1).lower()
    return None


def is_header_line(line):
    header = bare_header(line)
    return header is not None and header[1] == len(line)


def header_before(text, colon):
    """The longest known header that ends at the colon: its start and spelling."""
    offset = max(0, colon - 90)
    window = text[offset:colon]
    last = LAST_WORD.search(window)
    if not last or last.group(1).lower() not in LAST_WORDS:
        return None
    spelling = last.group(1).lower()
    start = last.start(1)
    found = (offset + start, spelling) if spelling in HEADERS else None
    for _ in range(8):
        word = WORD_BEFORE.search(window, max(0, start - 60), start)
        if not word:
            break
        start = word.start(1)
        spelling = f"{word.group(1).lower()} {spelling}"
        if spelling in HEADERS:
            found = (offset + start, spelling)
    return found


def is_header(text, start, end, spelling):
    line_start = text.rfind("\n", 0, start) + 1
    capital = "A" <= text[start] <= "Z"
    if not text[line_start:start].strip(" "):
        above = text[max(0, line_start - 8):line_start]
        return capital or not above.strip() or above.rstrip()[-1] in ".:;!?)" or re.search(r"\n *\n *$", above)
    if not capital:
        return False
    edge = r"[\s.,;:!?)\]*]"
    before = text[start - 1]
    if not re.match(edge, before):
        return False
    apart = before != " " or re.match(edge, text[start - 2:start - 1] or "\n")
    if text[start:end] == text[start:end].upper():
        return apart or " " in spelling
    return apart and (" " in spelling or spelling in STRONG)


def sections(text):
    found = []
    at = 0
    for line in text.split("\n"):
        if bare := bare_header(line):
            found.append((at + bare[0], at + bare[1], bare[2]))
        at += len(line) + 1
    for colon in re.finditer(":", text):
        header = header_before(text, colon.start())
        if header and is_header(text, header[0], colon.end(), header[1]):
            found.append((header[0], colon.end(), header[1]))
    result = []
    for start, end, spelling in sorted(found):
        if result and start < result[-1][1]:
            result.pop()
        if result and HEADERS[result[-1][2]] == "imaging" and spelling in IMAGING_PARTS:
            continue
        result.append((start, end, spelling))
    parts = []
    for (start, end, spelling), (stop, _, _) in zip(result, result[1:] + [(len(text), 0, "")]):
        if HEADERS[spelling] == "other":
            continue
        body = re.sub(r"\n *\d{1,2}[.)]$", "", text[end:stop].lstrip(" \n,;").rstrip(" \n")).rstrip(" \n")
        heading = re.sub(r"[: -]{1,8}$", "", re.sub(r"[\n ]+", " ", text[start:end]))
        if body:
            parts.append(f"{heading}:\n{body}")
    return "\n\n".join(parts)


def blanks(text):
    text = re.sub(r"  +", " ", text)
    text = re.sub(r" ?\n ?", "\n", text)
    text = re.sub(r" ([,.;:])(?=[ ,.;:\n]|$)", r"\1", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip(" \n")


def clean(text):
    text = ODD.sub(odd, text)
    text = RUN.sub(" ", RULER_LINE.sub("", fields(text)))
    text = placeholders(wraps(lists(text)))
    text = STRAY.sub(lambda match: match.group(1) or " ", PAIR.sub(rounded, text))
    return blanks(sections(text))


def main():
    notes = characters = 0
    with open(sys.argv[1], newline="", encoding="utf-8") as source, open(sys.argv[2], "w", encoding="utf-8") as output:
        for row in csv.DictReader(source):
            if row["ISERROR"].strip() == "1" or row["CATEGORY"].strip().lower() != "discharge summary":
                continue
            text = clean(row["TEXT"])
            if text:
                notes += 1
                characters += len(row["TEXT"])
                output.write(json.dumps({"id": row["ROW_ID"], "text": text}, ensure_ascii=False, separators=(",", ":")) + "\n")
    usage = resource.getrusage(resource.RUSAGE_SELF)
    seconds = usage.ru_utime + usage.ru_stime
    print(json.dumps({"notes": notes, "characters": characters, "cpuSeconds": seconds, "peakMB": usage.ru_maxrss / 1024}))


if __name__ == "__main__":
    main()
