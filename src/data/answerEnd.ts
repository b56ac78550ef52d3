/** The patterns below look at no more than this, so that their time does not grow with the text. */
const TAIL_CHARACTERS = 60;
/** Ways to end a letter without a full stop, perhaps with a name behind them. */
const SIGN_OFF =
  /\b(?:regards|thanks|thank you|take care|wishes|sincerely|good luck|bless|bless you)\b[\s,.-]{0,4}(?:[\p{L}.]{1,20} ?){0,4}$/iu;
const DOCTOR_NAME = /\bDr\.? ?\p{Lu}\p{L}{0,20}(?: \p{Lu}[\p{L}.]{0,20}){0,3}$/u;
const URL_END = /(?:https?:\/\/|www\.)\S{3,60}$/i;
const SMILEY = /[:;]-?[)D]$/;
/** Of doses and the like, which are written without a full stop as often as with one. */
const END_ABBREVIATION =
  /(?<![\p{L}\d])(?:etc|[bt]id|tds|bd|q[id]d|qds|od|prn|stat|(?:\d{1,4}(?:\.\d{1,3})?) ?(?:mg|mcg|µg|g|kg|ml|cm|mm))$/iu;
/** Full stops of these end no sentence. */
const OPEN_ABBREVIATION = /(?<![\p{L}.])(?:Drs?|Mr|Mrs|Ms|Prof|e\.g|i\.e|eg|ie|vs|approx|incl|esp|viz|cf)\.$/u;
/** Words that no sentence ends with, whatever mark stands behind them. */
const OPEN_WORD = /(?<![\p{L}\d'’-])(?:the|an?|and|or|but|your|my|our|their|because|than)(?:\.{1,3}|…)?$/u;
const LIST_ITEM = /^\s{0,8}(?:[-*•–]|\(?(?:\d{1,2}|[a-zA-Z])[.)])\s+\S/;
/** Words that a cut list item ends with; one of a whole list may well end with another preposition. */
const OPEN_ITEM = /(?<![\p{L}\d'’-])(?:the|an?|and|or|but|your|of|in|with|to|for|if|is|are|as|at|by|from|when)$/iu;

/**
 * Whether an answer breaks off. It does not with a mark that ends a sentence, a sign-off, a doctor's name, an address of the
 * web, a usual abbreviation, or as the last of at least two items of a list.
 */
export function endsInsideSentence(answer: string): boolean {
  const tail = answer.trimEnd().slice(-TAIL_CHARACTERS);
  if (SMILEY.test(tail)) return false;
  const unquoted = tail.replace(/["'”’)\]*]{1,5}$/u, "");
  if (OPEN_ABBREVIATION.test(unquoted) || OPEN_WORD.test(unquoted)) return true;
  const isEnd = [/[.!?…。！？]$/u, SIGN_OFF, DOCTOR_NAME, URL_END, END_ABBREVIATION].some((end) => end.test(unquoted));
  return !isEnd && !endsList(answer, unquoted);
}

function endsList(answer: string, tail: string): boolean {
  const [last = "", before = ""] = answer.trimEnd().split("\n").reverse();
  return LIST_ITEM.test(last) && LIST_ITEM.test(before) && !OPEN_ITEM.test(tail) && !/[,:(–-]$/.test(tail);
}
