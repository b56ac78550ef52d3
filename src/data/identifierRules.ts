/** A pattern of what may identify a person. */
export interface IdentifierRule {
  name: string;
  /** Changes with the pattern. */
  version: number;
  /** What it finds, for reports and help texts. */
  description: string;
  /** Global patterns; each takes time proportional to the text, since no unbounded part can be tried again and again. */
  patterns: readonly RegExp[];
  /** Rejects what has the form and cannot be one; without it every match counts. */
  accepts?: (match: RegExpMatchArray) => boolean;
}

const MONTH =
  "(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)";
const STREET =
  "(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Court|Circle|Place|Terrace|Parkway|Pkwy|Highway|Hwy)";
const NAME = "\\p{Lu}(?:['’]\\p{Lu})?[\\p{Ll}-]{1,30}(?:\\p{Lu}\\p{Ll}{1,30})?";
const UPPER_NAME = "\\p{Lu}['’]?[\\p{Lu}-]{1,30}";

/** In the order of reports. */
export const IDENTIFIER_RULES: readonly IdentifierRule[] = [
  {
    name: "name-after-title",
    version: 1,
    description: "a capitalised word after Dr, Mr, Mrs, Ms, Miss, Prof or Doctor",
    patterns: [
      new RegExp(
        `(?<![\\p{L}\\d])(?:Dr|Mr|Mrs|Ms|Miss|Prof|Professor|Doctor)\\.?[ \\t]{1,3}${NAME}(?: ${NAME})?`,
        "gu",
      ),
      new RegExp(`(?<![\\p{L}\\d])(?:DR|MR|MRS|MS|PROF)\\.[ \\t]{0,3}${UPPER_NAME}(?: ${UPPER_NAME})?`, "gu"),
    ],
  },
  {
    name: "date",
    version: 1,
    description: "a day of a year: 12/31/2009, 31.12.2009, 2009-12-31, December 31, 2009, 31 Dec 2009",
    patterns: [
      /(?<![\d/.-])(\d{1,2})([/.-])(\d{1,2})\2(?:\d{4}|\d{2})(?![\d/]|[.-]\d)/g,
      /(?<![\d/.-])(?:1[89]|2\d)\d{2}([/-])(\d{1,2})\1(\d{1,2})(?![\d/]|-\d)/g,
      new RegExp(`(?<!\\p{L})${MONTH}\\.? {1,2}\\d{1,2}(?:st|nd|rd|th)?,? {1,2}(?:19|20)\\d{2}(?!\\d)`, "giu"),
      new RegExp(`(?<!\\d)\\d{1,2}(?:st|nd|rd|th)? {1,2}(?:of )?${MONTH}\\.?,? {1,2}(?:19|20)\\d{2}(?!\\d)`, "giu"),
    ],
    accepts: isPossibleDate,
  },
  {
    name: "phone",
    version: 1,
    description: "a telephone number: (555) 010-0199, 555-010-0199, +44 20 7946 0000",
    patterns: [
      /(?<![\d.-])(?:1[ .-])?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?![\d-])/g,
      /(?<![\d+])\+\d{1,3}(?:[ .-]?\(?\d{2,4}\)?){2,4}(?!\d)/g,
    ],
  },
  {
    name: "record-number",
    version: 1,
    description: "five or more digits after MRN, medical record, account, chart, patient ID",
    patterns: [
      /(?<![a-z])(?:mrn|med(?:ical)?\.? rec(?:ord)?\.?|account|acct|chart|patient id|hospital id|unit)(?: ?(?:number|num|no|#))?\.?[\s:#-]{0,4}[a-z]{0,3}-?\d{5,12}(?!\d)/gi,
    ],
  },
  {
    name: "social-security-number",
    version: 1,
    description: "a United States social security number: 078-05-1120, or nine digits after SSN",
    patterns: [
      /(?<![\d-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])/g,
      /(?<![a-z])(?:ssn|social security(?: number| no\.?)?)[\s:#]{0,4}\d{9}(?!\d)/gi,
    ],
  },
  {
    name: "email",
    version: 1,
    description: "an e-mail address",
    patterns: [/(?<![\w.%+-])[\w.%+-]{1,64}@(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}(?![a-z])/gi],
  },
  {
    name: "street-address",
    version: 1,
    description: "a house number with capitalised words and Street, Avenue, Road or the like, or a P.O. box",
    patterns: [
      new RegExp(
        `(?<![\\p{L}\\d])\\d{1,5}[A-Za-z]? (?:[NSEW]\\.? )?(?:(?:\\p{Lu}|\\d)[\\p{L}\\d'’-]{0,30} ){1,4}${STREET}(?![\\p{L}])`,
        "gu",
      ),
      /(?<![a-z])p\.? ?o\.? box \d{1,8}/gi,
    ],
  },
];

/** `<name>@<version>`, as reports name a rule. */
export function identifierRuleId({ name, version }: Pick<IdentifierRule, "name" | "version">): string {
  return `${name}@${version}`;
}

/** Numbers apart by dots, dashes or slashes are a date when one of the two short ones can be a month. */
function isPossibleDate(match: RegExpMatchArray): boolean {
  const numbers = match
    .slice(1)
    .filter((group) => group !== undefined && /^\d+$/.test(group))
    .map(Number);
  if (numbers.length < 2) return true;
  const [a, b] = numbers as [number, number];
  return Math.min(a, b) >= 1 && Math.min(a, b) <= 12 && Math.max(a, b) <= 31;
}
