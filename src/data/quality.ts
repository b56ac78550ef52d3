import { endsInsideSentence } from "./answerEnd.js";
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
export const QUALITY_VERSION = "quality@2";

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
/** Of one word; nobody means more than this. */
const MAX_RUN = 4;

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
    description: `an answer with under ${MIN_SUBSTANCE_WORDS} words beside greetings, thanks and sign-off, or a question of nothing else`,
    drops: ({ questionWords, answerWords }) =>
      substance(answerWords) < MIN_SUBSTANCE_WORDS || substance(questionWords) === 0,
  },
  {
    name: "truncated",
    description: "an answer that ends inside a sentence; a list or a usual abbreviation may end it",
    drops: ({ answer }) => endsInsideSentence(answer),
  },
  {
    name: "repetition",
    description: `an answer of which under ${100 * MIN_DISTINCT_SHARE}% of the word ${REPEAT_N}-grams are distinct, a word ${MAX_RUN + 1} times on end, or a character 12 times`,
    drops: ({ answer, answerWords }) =>
      distinctShare(answerWords) < MIN_DISTINCT_SHARE ||
      longestRun(answerWords) > MAX_RUN ||
      /([^\s.\-_=*])\1{11}/u.test(answer),
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

/** Words beside greetings, thanks and sign-off. */
function substance(all: readonly string[]): number {
  return all.filter((word) => !COURTESIES.has(word)).length;
}

/** Most repeats of one word on end. */
function longestRun(all: readonly string[]): number {
  let longest = 0;
  let run = 0;
  all.forEach((word, index) => {
    run = word === all[index - 1] ? run + 1 : 1;
    longest = Math.max(longest, run);
  });
  return longest;
}

/** Distinct word 4-grams over all of them; 1 for a text that is too short to tell. */
function distinctShare(all: readonly string[]): number {
  if (all.length < MIN_REPEAT_WORDS) return 1;
  const count = all.length - REPEAT_N + 1;
  const grams = new Set<string>();
  for (let i = 0; i < count; i++) grams.add(all.slice(i, i + REPEAT_N).join(" "));
  return grams.size / count;
}
