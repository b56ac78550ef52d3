/** The sections that can be kept. */
export const SECTION_NAMES = [
  "history_of_present_illness",
  "past_medical_history",
  "medications",
  "allergies",
  "social_history",
  "family_history",
  "physical_examination",
  "laboratory_studies",
  "imaging",
  "hospital_course",
  "assessment_and_plan",
  "discharge_diagnosis",
  "discharge_medications",
  "discharge_condition",
  "discharge_instructions",
] as const;

export type SectionName = (typeof SECTION_NAMES)[number];

/** `other` is a section that is never kept: it ends the one before. */
export type HeaderName = SectionName | "other";

/** Spellings of each header in lower case; "{...|...|}" stands for each of its words, or none at the last bar. */
const SPELLINGS: Record<HeaderName, readonly string[]> = {
  history_of_present_illness: [
    "{brief |}{history|hx} of {the |}{present|presenting|current} illness",
    "{present|current} illness",
    "{brief |}hpi",
    "history of present illness and reason for hospitalization",
    "{interval |}history",
    "subjective",
  ],
  past_medical_history: [
    "{past|previous|prior|pertinent} medical {history|hx}",
    "{past |}medical {history|hx}",
    "{past|previous} {history|hx}",
    "past medical {and|/|&} surgical history",
    "past medical history {and|/|&} past surgical history",
    "past medical/surgical history",
    "{pmh|pmhx|pmh/psh}",
  ],
  medications: [
    "{current |home |admission |outpatient |preadmission |pre-admission |present |prior |}{medications|meds}",
    "{medications|meds} {on|upon|at|prior to} {admission|home|transfer|presentation}",
    "{medications|meds} {prior to|before} admission",
    "home medication list",
    "medication list",
  ],
  allergies: [
    "{drug |medication |known |}allergies",
    "allergy",
    "allergies {and|/} adverse reactions",
    "allergies/adverse reactions",
    "allergies to medications",
    "{nkda|adverse drug reactions}",
  ],
  social_history: [
    "{social|personal} {history|hx}",
    "social history/habits",
    "habits",
    "shx",
    "personal and social history",
  ],
  family_history: [
    "family {medical |}{history|hx}",
    "fhx",
    "{family and social|social and family|family/social} history",
  ],
  physical_examination: [
    "{physical |general |admission |discharge |initial |admission physical |discharge physical |}{exam|examination}",
    "physical",
    "{physical |}{exam|examination} {on|upon|at} {admission|discharge|presentation|transfer|arrival}",
    "physical findings",
    "objective",
    "{admission|discharge} pe",
    "pe",
  ],
  laboratory_studies: [
    "{pertinent |admission |discharge |initial |other |relevant |}{labs|laboratory|lab}",
    "{pertinent |admission |discharge |initial |relevant |}{laboratory|lab} {data|studies|results|values|findings|tests|examination}",
    "{pertinent|admission|discharge|relevant} results",
    "{labs|laboratory data|laboratory studies|laboratory values} {on|upon|at} {admission|discharge|presentation}",
    "laboratories",
    "microbiology",
    "laboratory and radiologic studies",
    "laboratory data and studies",
    "results",
  ],
  imaging: [
    "{imaging|radiology|radiologic|radiographic|diagnostic|imaging and other|pertinent imaging} {studies|results|data|findings}",
    "{pertinent |diagnostic |}imaging",
    "{radiology|radiology reports|x-rays|studies|reports}",
    "{chest x-ray|chest radiograph|cxr|ct head|head ct|ct abdomen|mri|echocardiogram|echo|ultrasound}",
  ],
  hospital_course: [
    "{brief |summary of |}hospital course",
    "{brief |summary of |concise summary of |}hospital course {by|and} {system|systems|problem|problems|issue|issues}",
    "concise summary of hospital course by {issue/system|system/issue}",
    "hospital course by {issue/system|system/problem}",
    "hospital course and treatment",
    "summary of hospital course by systems",
    "{course in hospital|course in the hospital|clinical course|emergency department course|ed course|icu course}",
  ],
  assessment_and_plan: [
    "{assessment|impression} {and|&|/} {plan|recommendations|recommendation}",
    "{assessment|impression}/{plan|recommendations|recommendation}",
    "{assessment|impression|plan|recommendations|plan of care|plan of action|treatment plan}",
    "{a/p|a&p|a & p|a / p}",
  ],
  discharge_diagnosis: [
    "{final|discharge|principal|primary|secondary|principal discharge|primary discharge|secondary discharge|final discharge} {diagnosis|diagnoses}",
    "{diagnosis|diagnoses} {on|upon|at} discharge",
    "discharge dx",
  ],
  discharge_medications: [
    "discharge {medications|meds|medication}",
    "{medications|meds} {on|upon|at} discharge",
    "discharge medication list",
    "medications to continue after discharge",
  ],
  discharge_condition: [
    "{discharge condition|condition at discharge|condition on discharge|condition upon discharge}",
    "{discharge status|status at discharge|condition|discharge condition and status}",
    "condition on transfer",
  ],
  discharge_instructions: [
    "{discharge instructions|instructions|patient instructions|instructions to patient|instructions on discharge}",
    "discharge instructions/{follow-up|followup}",
    "{discharge instructions and follow-up|instructions for discharge|discharge plan and instructions}",
  ],
  other: [
    "{chief |presenting |}{complaint|complaints}",
    "{reason for admission|reason for consultation|reason for visit|identification|identifying data|cc}",
    "{review of systems|ros}",
    "{past |}surgical history",
    "{psh|obstetric history|obstetrical history|psychiatric history|past psychiatric history|gynecologic history}",
    "{birth history|developmental history|immunizations|travel history|substance abuse history}",
    "{procedures|procedure|operations|operation|operative findings|description of procedure|anesthesia|indications}",
    "{major surgical or invasive procedure|major surgical or invasive procedures|procedures performed|invasive procedures}",
    "{preoperative|postoperative|admission|admitting|working|preliminary|differential} {diagnosis|diagnoses}",
    "{follow-up|follow up|followup} {instructions|plans|appointments|}",
    "{follow-up|follow up|followup}",
    "{discharge|} disposition",
    "{attending|service|facility|dictated by|medquist36|signed electronically by|completed by|addendum|provider}",
    "{admission date|discharge date|date of admission|date of discharge|date of birth|dob|sex|unit no|job#|cc list}",
    "{code status|consults|consultations|consultants|diet|activity|disposition|vital signs on transfer|transitional issues}",
    "{pending results|issues for follow up|prophylaxis|communication|contact|access}",
  ],
};

/** Every spelling with its section. */
export const HEADERS: ReadonlyMap<string, HeaderName> = new Map(
  Object.entries(SPELLINGS).flatMap(([name, spellings]) =>
    spellings.flatMap(expand).map((spelling): [string, HeaderName] => [spelling.trim(), name as HeaderName]),
  ),
);

/** The last word of every spelling: what does not end in one of them needs no closer look. */
export const LAST_WORDS: ReadonlySet<string> = new Set([...HEADERS.keys()].map(lastWord));

/** Single words that are headers also in the middle of a line when only their first letter is a capital. */
export const STRONG_WORDS: ReadonlySet<string> = new Set([
  ..."medications,meds,allergies,hpi,pmh,labs,laboratory,imaging,assessment,impression,plan,disposition".split(","),
]);

/** Headers of an imaging report; inside a section of imaging they begin nothing new. */
export const IMAGING_PARTS: ReadonlySet<string> = new Set(["impression", "indications", "procedure", "results"]);

/** Signs other than blanks that may stand in a header's words. */
export const WORD_SIGNS = "/&-#'";

function lastWord(spelling: string): string {
  return spelling.slice(spelling.lastIndexOf(" ") + 1);
}

function expand(pattern: string): string[] {
  const open = pattern.indexOf("{");
  if (open === -1) return [pattern];
  const close = pattern.indexOf("}", open);
  const rest = expand(pattern.slice(close + 1));
  const words = pattern.slice(open + 1, close).split("|");
  return words.flatMap((word) => rest.map((end) => pattern.slice(0, open) + word + end));
}
