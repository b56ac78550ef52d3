import { words } from "./words.js";

/** One exchange of a patient and a doctor. */
export interface Exchange {
  question: string;
  answer: string;
}

export interface QualityRule {
  /** The reason by which dropped rows are counted. */
  name: string;
  /** What it drops, for reports and help texts. */
  description: string;
  /** True for an exchange to drop. Takes time proportional to its length. */
  drops(exchange: CountedExchange): boolean;
}

/** An exchange with its words, which several rules need. */
export interface CountedExchange extends Exchange {
  questionWords: readonly string[];
  answerWords: readonly string[];
}

/** What the rules judge. */
export function countedExchange({ question, answer }: Exchange): CountedExchange {
  return { question, answer, questionWords: words(question), answerWords: words(answer) };
}

/** Changes with any rule or threshold. */
export const QUALITY_VERSION = "quality@1";

const MIN_QUESTION_WORDS = 5;
const MIN_ANSWER_WORDS = 10;
const MAX_WORDS = 1500;
/** Fewer words than these beside courtesies carry no advice. */
const MIN_SUBSTANCE_WORDS = 6;
const REPEAT_N = 4;
/** Of 4-grams; ordinary answers stay above 0.9. */
const MIN_DISTINCT_SHARE = 0.6;
/** The share says nothing about shorter answers. */
const MIN_REPEAT_WORDS = 20;

/** The filter for scraped dialogues such as HealthCareMagic, in the order in which the rules are tried. */
export const QUALITY_RULES: readonly QualityRule[] = [
  {
    name: "too-short",
    description: `a question under ${MIN_QUESTION_WORDS} or an answer under ${MIN_ANSWER_WORDS} words`,
    drops: ({ questionWords, answerWords }) =>
      questionWords.length < MIN_QUESTION_WORDS || answerWords.length < MIN_ANSWER_WORDS,
  },
  {
    name: "too-long",
    description: `a question or an answer over ${MAX_WORDS} words`,
    drops: ({ questionWords, answerWords }) => questionWords.length > MAX_WORDS || answerWords.length > MAX_WORDS,
  },
  {
    name: "greeting-only",
    description: `an answer with under ${MIN_SUBSTANCE_WORDS} words beside greetings, thanks and sign-off`,
    drops: ({ answerWords }) => answerWords.filter((word) => !COURTESIES.has(word)).length < MIN_SUBSTANCE_WORDS,
  },
  {
    name: "truncated",
    description: "an answer that ends inside a sentence",
    drops: ({ answer }) => endsInsideSentence(answer),
  },
  {
    name: "repetition",
    description: `an answer of which under ${100 * MIN_DISTINCT_SHARE}% of the word ${REPEAT_N}-grams are distinct, or a character that is repeated 12 times`,
    drops: ({ answer, answerWords }) =>
      distinctShare(answerWords) < MIN_DISTINCT_SHARE || /([^\s.\-_=*])\1{11}/u.test(answer),
  },
];

/** The name of the first rule that drops an exchange; undefined for one to keep. */
export function qualityReason(exchange: Exchange): string | undefined {
  const counted = countedExchange(exchange);
  return QUALITY_RULES.find((rule) => rule.drops(counted))?.name;
}

const COURTESIES: ReadonlySet<string> = new Set(
  (
    "hi hello hey dear sir madam ma am friend greetings good morning afternoon evening day welcome to on from at " +
    "healthcaremagic health care magic chat doctor dr com www thanks thank you u very much for your the a an and i me my we us " +
    "query question asking using contacting consulting posting writing reaching trust faith " +
    "have has had been is are am be gone through read reviewed understand understood concern concerns " +
    "regards best warm kind sincerely yours take care stay healthy wish wishing speedy recovery all hope this it that " +
    "helps help helped helpful clears answers answered satisfied please feel free contact ask any further more other " +
    "doubts questions queries followup follow up will would can happy glad bye god bless nice"
  ).split(" "),
);

/** Ways to end a letter without a full stop, perhaps with a name behind them. */
const SIGN_OFF =
  /\b(?:regards|thanks|thank you|take care|wishes|sincerely|good luck|bless|bless you)\b[\s,.-]{0,4}(?:[\p{L}.]{1,20} ?){0,4}$/iu;
const DOCTOR_NAME = /\bDr\.? ?\p{Lu}\p{L}{0,20}(?: \p{Lu}[\p{L}.]{0,20}){0,3}$/u;
/** The two patterns look at no more than this, so that their time does not grow with the text. */
const TAIL_CHARACTERS = 60;

function endsInsideSentence(answer: string): boolean {
  const tail = answer.trimEnd().slice(-TAIL_CHARACTERS);
  const unquoted = tail.replace(/["'”’)\]*]{1,5}$/u, "");
  return !/[.!?…。]$/u.test(unquoted) && !SIGN_OFF.test(unquoted) && !DOCTOR_NAME.test(unquoted);
}

/** Distinct word 4-grams over all of them; 1 for a text that is too short to tell. */
function distinctShare(all: readonly string[]): number {
  if (all.length < MIN_REPEAT_WORDS) return 1;
  const count = all.length - REPEAT_N + 1;
  const grams = new Set<string>();
  for (let i = 0; i < count; i++) grams.add(all.slice(i, i + REPEAT_N).join(" "));
  return grams.size / count;
}
