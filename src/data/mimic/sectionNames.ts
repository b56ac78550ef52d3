/** The sections that can be kept. */
export const SECTION_NAMES = [
  "history_of_present_illness",
  "review_of_systems",
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

/** A section of a discharge summary: one of {@link SECTION_NAMES}. */
export type SectionName = (typeof SECTION_NAMES)[number];

/** `other` is a section that is never kept: it ends the one before. */
export type HeaderName = SectionName | "other";

/**
 * Spellings of each header in lower case; "{...|...|}" stands for each of its words, or none at the last bar. Past histories
 * of any kind (surgical, psychiatric, ...) are past medical history.
 */
const SPELLINGS: Record<HeaderName, readonly string[]> = {
  history_of_present_illness: [
    "{brief |}{history|hx} of {the |}{present|presenting|current} {illness|ilness}",
    "{present|current} illness",
    "{brief |}hpi",
    "history of present illness and reason for hospitalization",
    "{interval |}history",
    "subjective",
    "{24 hour|interval|overnight} events",
    "mechanism of injury",
  ],
  review_of_systems: ["{review of systems|review of symptoms|ros}"],
  past_medical_history: [
    "{other |}{past|previous|prior|pertinent} {medical|med} {history|hx}",
    "{medical|med} {history|hx}",
    "{past|previous} {history|hx}",
    "past medical {and|/|&} surgical history",
    "past medical history {and|/|&} past surgical history",
    "past {medical/surgical|surgical/medical} history",
    "{past |previous |prior |}{surgical|surg} {history|hx}",
    "{past |}{psychiatric|oncologic|oncology|obstetric|obstetrical|gynecologic} {history|hx}",
    "{ob/gyn|gyn|ob} {history|hx}",
    "{pmh|pmhx|psh|pshx|pmh/psh|pmhx/psh|pmhx/pshx|psych hx|onc hx}",
  ],
  medications: [
    "{current |home |admission |outpatient |inpatient |preadmission |pre-admission |present |prior |transfer |}{medications|meds}",
    "{medications|meds} {on|upon|at|prior to} {admission|home|transfer|presentation}",
    "{medications|meds} {prior to|before} admission",
    "{home|preadmission} {medication|med} list",
    "medication list",
    "{other |}{icu |}medications",
    "{infusions|last dose of antibiotics}",
  ],
  allergies: [
    "{drug |medication |known |}allergies",
    "allergy",
    "allergies {and|/} adverse reactions",
    "allergies/{adverse |}reactions",
    "allergies to medications",
    "{nkda|adverse drug reactions|all}",
  ],
  social_history: [
    "{social|personal|soc} {history|hx}",
    "social history/habits",
    "habits",
    "{sh|shx|soc|social}",
    "personal and social history",
    "{substance abuse|substance use|substance} history",
  ],
  family_history: [
    "{family|fam} {medical |psychiatric |}{history|hx}",
    "{fh|fhx|famhx}",
    "{family and social|social and family|family/social} history",
  ],
  physical_examination: [
    "{physical |general |admission |discharge |initial |admission physical |discharge physical |}{exam|examination}",
    "physical",
    "{physical |}{exam|examination} {on|upon|at} {admission|discharge|presentation|transfer|arrival}",
    "physical findings",
    "objective",
    "{admission|discharge|transfer} pe",
    "pe {on|upon|at} {admission|discharge|transfer}",
    "pe",
    "mental status {exam|examination}",
  ],
  laboratory_studies: [
    "{pertinent |admission |discharge |initial |other |relevant |preoperative |}{labs|laboratory|lab}",
    "{pertinent |admission |discharge |initial |relevant |preoperative |}{laboratory|lab} {data|studies|results|values|findings|tests|examination}",
    "{pertinent|admission|discharge|relevant} results",
    "{labs|laboratory data|laboratory studies|laboratory values} {on|upon|at} {admission|discharge|presentation}",
    "laboratories",
    "{microbiology|micro}",
    "laboratory and radiologic studies",
    "laboratory data and studies",
    "labs / radiology",
    "labs/{studies|imaging|radiology}",
    "{results|data}",
  ],
  imaging: [
    "{imaging|radiology|radiologic|radiographic|diagnostic|imaging and other|pertinent imaging} {studies|results|data|findings}",
    "{pertinent |diagnostic |}imaging",
    "{radiology|radiology reports|studies|reports|findings}",
  ],
  hospital_course: [
    "{brief |summary of |}hospital course",
    "{brief |summary of |concise summary of |}hospital course {by|and} {system|systems|problem|problems|problem list|issue|issues}",
    "concise summary of hospital course by {issue/system|system/issue}",
    "hospital course by {issue/system|system/problem}",
    "hospital course and treatment",
    "summary of hospital course by systems",
    "{course in hospital|course in the hospital|clinical course|emergency department course}",
    "{ed|icu|micu|sicu|ccu|floor} course",
  ],
  assessment_and_plan: [
    "{assessment|impression} {and|&|/} {plan|recommendations|recommendation}",
    "{assessment|impression}/{plan|recommendations|recommendation}",
    "{assessment|impression|plan|recommendations|plan of care|plan of action|treatment plan}",
    "{a/p|a&p|a & p|a / p|a and p}",
  ],
  discharge_diagnosis: [
    "{final|discharge|principal|primary|secondary|principal discharge|primary discharge|secondary discharge|final discharge} {diagnosis|diagnoses}",
    "{diagnosis|diagnoses} {on|upon|at} discharge",
    "{discharge dx|d/c dx|d/c diagnosis|d/c diagnoses}",
  ],
  discharge_medications: [
    "{discharge|d/c} {medications|meds|medication}",
    "{medications|meds} {on|upon|at} {discharge|d/c}",
    "discharge medication list",
    "medications to continue after discharge",
  ],
  discharge_condition: [
    "{discharge condition|condition at discharge|condition on discharge|condition upon discharge|d/c condition}",
    "{discharge status|status at discharge|condition|discharge condition and status}",
    "condition on transfer",
  ],
  discharge_instructions: [
    "{discharge instructions|instructions|patient instructions|instructions to patient|instructions on discharge}",
    "discharge instructions/{follow-up|followup}",
    "{discharge instructions and follow-up|instructions for discharge|discharge plan and instructions|d/c instructions}",
  ],
  other: [
    "{chief |presenting |}{complaint|complaints}",
    "reason for {admission|consultation|consult|visit|referral|exam|this examination}",
    "{identification|identifying data|cc|id/cc|reason}",
    "{birth history|developmental history|immunizations|travel history|prenatal screens}",
    "{procedures|procedure|operations|operation|operative findings|description of procedure|anesthesia|indications}",
    "{indications for surgery|estimated blood loss|complications|indication|comparison|technique}",
    "underlying medical condition",
    "{major surgical or invasive procedure|major surgical or invasive procedures|procedures performed|invasive procedures}",
    "{preoperative|postoperative|preop|postop|admission|admitting|working|preliminary|differential} {diagnosis|diagnoses}",
    "{follow-up|follow up|followup} {instructions|plans|appointments|}",
    "{discharge |}{follow-up|follow up|followup}",
    "{discharge|} disposition",
    "{attending|service|facility|dictated by|medquist36|signed electronically by|completed by|addendum|provider}",
    "{admission date|discharge date|date of admission|date of discharge|date of birth|dob|sex|unit no|job#|cc list}",
    "{code status|consults|consultations|consultants|diet|activity|disposition|vital signs on transfer|transitional issues}",
    "{pending results|issues for follow up|prophylaxis|communication|contact|access|icu care}",
  ],
};

const ORGANS =
  "{head|brain|neck|head/neck|head and neck|chest|abdomen|abd|abdomen/pelvis|abdomen and pelvis|abd/pelvis|pelvis|torso|spine|c-spine|chest/abdomen/pelvis}";
const ORGANS_BEFORE = "{head|chest|abdominal|abd|renal|pelvic|brain|ruq|liver|portable chest|chest/abdomen}";

/** Names of single studies: each begins a section of imaging, but is a part of one that is there already. */
export const STUDIES: ReadonlySet<string> = new Set(
  [
    "{cxr|chest xray|chest x-ray|chest film|chest radiograph|x-ray|x-rays|xray|kub|ct|cta|mri|mra|us|ultrasound}",
    "{ekg|ecg|eeg|tte|tee|echo|echocardiogram|cardiac echo|transthoracic echo|egd|colonoscopy|stress test}",
    "{cardiac cath|cardiac catheterization|carotid ultrasound}",
    `{ct|cta|mri|mra|x-ray} {of |of the |}${ORGANS}`,
    `${ORGANS_BEFORE} {ct|cta|mri|us|u/s|ultrasound}`,
  ].flatMap(expand),
);

/** Every spelling with its section. */
export const HEADERS: ReadonlyMap<string, HeaderName> = new Map([
  ...[...STUDIES].map((study): [string, HeaderName] => [study, "imaging"]),
  ...Object.entries(SPELLINGS).flatMap(([name, spellings]) =>
    spellings.flatMap(expand).map((spelling): [string, HeaderName] => [spelling.trim(), name as HeaderName]),
  ),
]);

/** The last word of every spelling: what does not end in one of them needs no closer look. */
export const LAST_WORDS: ReadonlySet<string> = new Set([...HEADERS.keys()].map(lastWord));

/** Single words that are headers also in the middle of a line when only their first letter is a capital. */
export const STRONG_WORDS: ReadonlySet<string> = new Set([
  ..."medications,meds,allergies,hpi,pmh,pmhx,psh,labs,laboratory,imaging,x-ray,echo".split(","),
  ..."assessment,impression,plan,recommendations,disposition".split(","),
]);

/** Headers of an imaging report that are no studies; inside a section of imaging they begin nothing new. */
export const REPORT_PARTS: ReadonlySet<string> = new Set(
  "findings,impression,indication,indications,procedure,results,comparison,technique".split(","),
);

/** Headers behind which "findings" are those of an imaging report, not of an operation. */
export const BEFORE_FINDINGS: ReadonlySet<string> = new Set(
  "history,indication,comparison,technique,reason for exam,reason for this examination".split(","),
);

/** Headers of the report of an operation, whose findings and procedure are no imaging. */
export const OPERATION_PARTS: ReadonlySet<string> = new Set(
  "anesthesia,preoperative diagnosis,postoperative diagnosis,preop diagnosis,postop diagnosis,estimated blood loss,operation".split(
    ",",
  ),
);

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
