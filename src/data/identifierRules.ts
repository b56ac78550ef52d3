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
  "(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Court|Circle|Place|Terrace|Parkway|Pkwy|Highway|Hwy|Way|Square)";
/** In capitals, without words that notes in capitals hold for other reasons, such as ST and PLACE. */
const UPPER_STREET = "(?:STREET|AVENUE|AVE|ROAD|RD|BOULEVARD|BLVD|LANE|LN|PARKWAY|PKWY|HIGHWAY|HWY)";
const STREET_WORD = "(?:\\p{Lu}|\\d)[\\p{L}\\d'’-]{0,30} ";
const HOUSE = "(?<![\\p{L}\\d])\\d{1,5}[A-Za-z]? (?:[NSEW]\\.? )?";
const NAME = "\\p{Lu}(?:['’]\\p{Lu})?[\\p{Ll}-]{1,30}(?:\\p{Lu}\\p{Ll}{1,30})?";
const UPPER_NAME = "\\p{Lu}['’]?[\\p{Lu}-]{1,30}";
/** As in van der Berg and de la Cruz; the blank belongs to it. */
const PARTICLES =
  "(?:(?:van|von|vom|zu|der|den|de|del|della|di|da|das|dos|du|la|le|ten|ter|el|al|bin|ben|ibn|st\\.?) |[dl]['’]|al-){0,3}";
/** As in J. Smith and A.B. Smith. */
const INITIALS = "(?:\\p{Lu}(?:\\. ?| )){0,3}";
const PHONE_WORD =
  "(?:tele)?phone|tel|cell(?:phone)?|mobile|fax|pager|beeper|call(?:ed|ing)?|dial(?:ed)?|reached|voicemail|contact";

/** In the order of reports. */
export const IDENTIFIER_RULES: readonly IdentifierRule[] = [
  {
    name: "name-after-title",
    version: 3,
    description:
      "a capitalised word after Dr, Mr, Mrs, Ms, Miss, Prof or Doctor, also J. Smith, van der Berg and SMITH",
    patterns: [
      new RegExp(
        `(?<![\\p{L}\\d])(?:Drs?|Mr|Mrs|Ms|Miss|Prof|Professor|Doctor)(?:\\.[ \\t]{0,3}|[ \\t]{1,3})(${INITIALS}${PARTICLES}(?:${NAME}|${UPPER_NAME})(?: ${NAME})?)`,
        "gu",
      ),
      new RegExp(
        `(?<![\\p{L}\\d])(?:DRS?|MR|MRS|MS|MISS|PROF)(?:\\.[ \\t]{0,3}|[ \\t]{1,3})(${INITIALS}${UPPER_NAME}(?: ${UPPER_NAME})?)`,
        "gu",
      ),
    ],
    accepts: isPossibleName,
  },
  {
    name: "date",
    version: 3,
    description: "a day of a year: 12/31/2009, 31.12.2009, 2009-12-31, December 31, 2009, 31 Dec 2009, 31-Dec-09",
    patterns: [
      /(?<![\d/.-])(\d{1,2})([/.-])(\d{1,2})\2(?:\d{4}|\d{2})(?![\d/]|[.-]\d)/g,
      /(?<![\d/.-])(?:1[89]|2\d)\d{2}([/-])(\d{1,2})\1(\d{1,2})(?![\d/]|-\d)/g,
      new RegExp(`(?<!\\p{L})${MONTH}\\.? {1,2}\\d{1,2}(?:st|nd|rd|th)?(?:,? {1,2}|,)(?:19|20)\\d{2}(?!\\d)`, "giu"),
      new RegExp(`(?<!\\d)\\d{1,2}(?:st|nd|rd|th)? {1,2}(?:of )?${MONTH}\\.?,? {1,2}(?:19|20)\\d{2}(?!\\d)`, "giu"),
      new RegExp(`(?<![\\d.])\\d{1,2}([-/.])${MONTH}\\1(?:(?:19|20)\\d{2}|\\d{2})(?!\\d)`, "giu"),
      new RegExp(`(?<!\\p{L})${MONTH}([-/])\\d{1,2}\\1(?:(?:19|20)\\d{2}|\\d{2})(?!\\d)`, "giu"),
      new RegExp(`(?<![\\d.])\\d{1,2}${MONTH}(?:19|20)\\d{2}(?!\\d)`, "giu"),
    ],
    accepts: isPossibleDate,
  },
  {
    name: "phone",
    version: 3,
    description: "a telephone number: (555) 010-0199, 555-010-0199, +44 20 7946 0000, seven or ten digits after phone",
    patterns: [
      /(?<![\d.-])(?:1[ .-])?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?![\d-])/g,
      /(?<![\d+])\+\d{1,3}(?:[ .-]?\(?\d{2,4}\)?){2,4}(?!\d)/g,
      new RegExp(
        `(?<![a-z])(?:${PHONE_WORD})(?:\\.? ?(?:number|num|no|#))?\\.?[\\s:#-]{0,4}(?:(?:at|is|on|was) )?(?:1?\\d{10}|\\d{3}[ .-]?\\d{4})(?![\\d-])`,
        "gi",
      ),
      // With the word behind it, unless one stands before it, too, or the word belongs to the next number.
      /(?<![\d.-])(?<!(?:phone|cell|mobile|fax|pager)[\s:#-]{1,4})1?\d{10} {0,2}\(?(?:(?:tele)?phone|cell|mobile|fax|pager)(?![a-z]|[\s:#-]{0,4}\d)/gi,
    ],
  },
  {
    name: "record-number",
    version: 3,
    description: "five or more digits after MRN, MR#, medical record, account, chart, patient ID, also as 12-34-56-7",
    patterns: [
      /(?<![a-z])(?:mrn|m\.r\.n|mr(?= ?#)|med(?:ical)?\.? rec(?:ord)?\.?|record(?= ?(?:num|no|#))|account|acct|chart|patient id|hospital id|unit)(?: ?(?:number|num|no|#))?\.?[\s:#-]{0,4}(?:(?:is|was) )?[a-z]{0,3}-?\d(?:[-.]?\d){4,14}(?!\d)/gi,
      /(?<![a-z])(?:mrn|med(?:ical)?\.? rec(?:ord)?\.?)(?: ?(?:number|num|no|#))?\.?[\s:#-]{0,4}\d{1,4}(?: \d{1,4}){1,4}(?![\d/])/gi,
    ],
    accepts: ([found]) => found.replace(/\D/g, "").length >= 5,
  },
  {
    name: "social-security-number",
    version: 3,
    description: "a United States social security number: 078-05-1120, 078 05 1120, or nine digits after SSN",
    patterns: [
      /(?<![\d-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])/g,
      /(?<![\d.,/-])(?<![\d] )(?!000|666|9)\d{3} (?!00)\d{2} (?!0000)\d{4}(?![\d/-]|[ .,]\d)/g,
      /(?<![a-z])(?:ssn|ss ?#|social security(?: number| no\.?)?)[\s:#]{0,4}(?:(?:is|was) )?\d{9}(?!\d)/gi,
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
    version: 3,
    description: "a house number with capitalised words and Street, Avenue, Road, Dr or the like, or a P.O. box",
    patterns: [
      new RegExp(`${HOUSE}(?:${STREET_WORD}){1,4}(?:${STREET}|${UPPER_STREET})(?![\\p{L}])`, "gu"),
      // "Dr" is a street's where at most two words stand before it and no name behind it.
      new RegExp(
        `${HOUSE}(?!(?:AM|PM|Am|Pm) )(?:${STREET_WORD}){1,2}Dr(?![\\p{L}])(?!\\.?\\s{1,3}(?!Apt|Suite|Ste|Unit)\\p{Lu})(?!\\.\\p{L})`,
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

/** What follows MR (magnetic resonance, mitral regurgitation), MS, DR or a title that begins another sentence. */
const NO_NAMES: ReadonlySet<string> = new Set(
  (
    "imaging image images scan scans scanning angiography angiogram angiographic venography venogram spectroscopy " +
    "enterography arthrogram arthrography elastography perfusion cholangiography urography myelogram guided jet " +
    "contin and or the is was are were has had of in on with by at to for from will who if he she his her this that " +
    "please see seen saw notes noted recommends office no not"
  ).split(" "),
);

/** What begins the next sentence behind an initial that stands for a whole name: "seen by Dr. X. They agreed". */
const SENTENCE_STARTS: ReadonlySet<string> = new Set(
  (
    "a after again all also although an as at because before both but during each following further given " +
    "however i it its my once one our overall since so some then there therefore these they those though thus today " +
    "under until upon we when while"
  ).split(" "),
);

const LEADING_INITIALS = new RegExp(`^${INITIALS}`, "u");

function isPossibleName([, name = ""]: RegExpMatchArray): boolean {
  const whole = name.replace(LEADING_INITIALS, "");
  const first = (whole.split(" ", 1)[0] as string).toLowerCase();
  return !NO_NAMES.has(first) && !(whole !== name && SENTENCE_STARTS.has(first));
}
