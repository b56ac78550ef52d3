// Writes the synthetic PubMedQA sample: node scripts/make-sample-data.mjs [output.json]
// Every run gives the same bytes. See assets/sample/README.md for what the data is and is not.
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const SEED = 20240517;
/** Shares of PubMedQA's labelled set: about 55, 34 and 11 per cent. */
const ROWS_BY_LABEL = { yes: 198, no: 122, maybe: 40 };

/** [population, heading, what is known] */
const CONDITIONS = [
  ["adults with asthma", "Asthma", "Asthma limits daily activity in many adults"],
  ["children with asthma", "Asthma", "Asthma is a common reason for missed school days"],
  ["adults with type 2 diabetes", "Diabetes Mellitus, Type 2", "Type 2 diabetes needs daily care over many years"],
  [
    "patients with chronic heart failure",
    "Heart Failure",
    "Chronic heart failure often brings patients back to hospital",
  ],
  ["patients with low back pain", "Low Back Pain", "Low back pain is a frequent cause of lost working days"],
  [
    "patients with knee osteoarthritis",
    "Osteoarthritis, Knee",
    "Knee osteoarthritis causes pain and stiffness in older people",
  ],
  ["adults with migraine", "Migraine Disorders", "Migraine attacks disturb work and family life"],
  ["patients after stroke", "Stroke", "Recovery after stroke is slow and differs between patients"],
  ["patients after hip fracture", "Hip Fractures", "Many patients lose independence after a hip fracture"],
  [
    "patients after knee replacement",
    "Arthroplasty, Knee",
    "Recovery after knee replacement depends on early movement",
  ],
  ["adults with hypertension", "Hypertension", "Hypertension often has no symptoms and is poorly controlled"],
  ["older adults with insomnia", "Insomnia", "Insomnia becomes more frequent with age"],
  ["adults with depression", "Depression", "Depression is common in primary care"],
  ["patients with chronic kidney disease", "Kidney Diseases", "Chronic kidney disease is often found late"],
  ["patients with chronic lung disease", "Lung Diseases", "Chronic lung disease makes patients short of breath"],
  ["women with breast cancer", "Breast Neoplasms", "Treatment of breast cancer can last for many months"],
  [
    "patients with rheumatoid arthritis",
    "Arthritis, Rheumatoid",
    "Rheumatoid arthritis affects the small joints of the hand",
  ],
  ["nursing home residents", "Nursing Homes", "Residents of nursing homes often have several diseases"],
  ["pregnant women", "Pregnancy", "Care during pregnancy differs between clinics"],
  ["adolescents with obesity", "Pediatric Obesity", "Obesity in adolescence often continues into adult life"],
  ["patients with Parkinson disease", "Parkinson Disease", "Parkinson disease slowly impairs movement"],
  ["patients in intensive care", "Critical Care", "Patients in intensive care are weak for a long time"],
];

/** [intervention, why it might help] */
const INTERVENTIONS = [
  ["supervised exercise", "may build strength and endurance"],
  ["a home walking programme", "needs no equipment and may be easy to keep up"],
  ["telephone follow-up", "may find problems early"],
  ["nurse-led education", "may help patients to understand their treatment"],
  ["a text message reminder", "may support daily habits at low cost"],
  ["group counselling", "may give support among peers"],
  ["early physiotherapy", "may prevent loss of function"],
  ["breathing training", "may calm the body and improve breathing"],
  ["music therapy", "may reduce stress during treatment"],
  ["a written care plan", "may make clear who does what"],
  ["home monitoring", "may show changes before the next visit"],
  ["a low-salt diet", "may act through lower fluid load"],
  ["a high-protein diet", "may protect muscle mass"],
  ["bright light therapy", "may strengthen the daily rhythm"],
  ["relaxation training", "may reduce tension and worry"],
  ["a medication review by a pharmacist", "may remove drugs that are not needed"],
  ["balance training", "may make movement safer"],
  ["shared decision making", "may match treatment to their wishes"],
];

/** [outcome, unit, better when, lowest and highest usual value, size of a clear effect] */
const OUTCOMES = [
  ["the pain score", "points", "lower", 40, 62, 12],
  ["the anxiety score", "points", "lower", 38, 56, 10],
  ["the fatigue score", "points", "lower", 42, 66, 12],
  ["the readmission rate", "per cent", "lower", 22, 36, 9],
  ["the number of falls", "per 100 patients", "lower", 24, 44, 11],
  ["the length of hospital stay", "days", "lower", 9, 15, 3],
  ["the rate of missed visits", "per cent", "lower", 20, 38, 10],
  ["systolic blood pressure", "mm Hg", "lower", 138, 156, 9],
  ["the quality of life score", "points", "higher", 48, 66, 10],
  ["walking distance", "metres", "higher", 280, 390, 48],
  ["treatment adherence", "per cent", "higher", 52, 70, 13],
  ["sleep time", "minutes", "higher", 330, 390, 38],
  ["grip strength", "kilograms", "higher", 20, 30, 5],
  ["patient satisfaction", "points", "higher", 58, 74, 10],
];

const CONTROLS = ["usual care", "standard treatment", "written advice alone", "a waiting list"];
const FOLLOW_UPS = ["three months", "six months", "one year", "two years"];
const DESIGNS = ["a randomised trial", "a controlled trial", "a prospective cohort study", "a pilot study"];
const SETTINGS = [
  "two hospitals",
  "one outpatient clinic",
  "six general practices",
  "a regional network",
  "four centres",
];
const SUBGROUPS = [
  ["women", "men"],
  ["younger patients", "older patients"],
  ["patients with mild disease", "patients with severe disease"],
  ["the first centre", "the other centres"],
];
const CLOSINGS = [
  "Side effects were rare in both groups.",
  "No serious adverse event was seen.",
  "Few patients left the study early.",
  "Missing values were rare.",
];
const ADJUSTED = {
  yes: "The difference remained after adjustment for age.",
  no: "Adjustment for age did not change this.",
  maybe: "Adjustment for age did not change this.",
};

/** mulberry32: a small generator with 32 bits of state, enough to vary templates. */
function makeRandom(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let word = Math.imul(state ^ (state >>> 15), state | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return (word ^ (word >>> 14)) >>> 0;
  };
}

const random = makeRandom(SEED);
const below = (bound) => random() % bound;
const pick = (items) => items[below(items.length)];
const capitalise = (text) => text[0].toUpperCase() + text.slice(1);

/** Two group means; `effect` 1 is a clear difference in the good direction, 0 is none. */
function means([, unit, better, lowest, highest, size], effect) {
  const control = lowest + below(highest - lowest + 1);
  const change = effect === 1 ? size + below(3) : below(2);
  const treated = better === "lower" ? control - change : control + change;
  return `${treated} versus ${control} ${unit}, p = ${effect === 1 ? smallP() : largeP()}`;
}

const smallP = () => `0.0${1 + below(4)}`;
const largeP = () => `0.${20 + below(70)}`;

/** The facts that every part of a row speaks of. */
function drawFacts() {
  const [population, heading, known] = pick(CONDITIONS);
  const [intervention, reason] = pick(INTERVENTIONS);
  const outcome = pick(OUTCOMES);
  const raises = outcome[2] === "higher";
  return {
    population,
    heading,
    known,
    intervention,
    reason,
    outcome,
    name: outcome[0],
    verb: raises ? "increase" : "reduce",
    direction: raises ? "higher" : "lower",
    control: pick(CONTROLS),
    followUp: pick(FOLLOW_UPS),
    subgroups: pick(SUBGROUPS.filter(([first]) => !population.includes(first))),
  };
}

function question({ intervention, verb, name, population, direction }) {
  return pick([
    `Does ${intervention} ${verb} ${name} in ${population}?`,
    `Can ${intervention} ${verb} ${name} in ${population}?`,
    `Is ${name} ${direction} with ${intervention} in ${population}?`,
    `Among ${population}, does ${intervention} ${verb} ${name}?`,
    `${capitalise(name)} in ${population}: does ${intervention} help?`,
  ]);
}

function background({ known, intervention, reason, name }) {
  const aim = pick([
    `We asked whether it changes ${name}.`,
    `Its effect on ${name} is not clear.`,
    `Few studies have measured ${name}.`,
  ]);
  return `${known}. ${capitalise(intervention)} ${reason}. ${aim}`;
}

function methods({ population, intervention, control, followUp, name }) {
  const size = 60 + 2 * below(170);
  const design = `This was ${pick(DESIGNS)} in ${pick(SETTINGS)} with ${size} ${population}.`;
  const groups = pick([
    `One group received ${intervention} and the other ${control}.`,
    `Half of them were given ${intervention}; the control group had ${control}.`,
  ]);
  const measure = pick([`We measured ${name} after ${followUp}.`, `The main outcome was ${name} at ${followUp}.`]);
  return [design, `${groups} ${measure}`];
}

const RESULTS = {
  yes: ({ name, intervention, direction, outcome, followUp, population, control }) =>
    pick([
      `At ${followUp}, ${name} was ${direction} in the intervention group than in the control group (${means(outcome, 1)}).`,
      `${capitalise(population)} who received ${intervention} had ${direction} values of ${name} (${means(outcome, 1)}).`,
      `${capitalise(name)} was clearly ${direction} with ${intervention} than with ${control} (${means(outcome, 1)}).`,
    ]),
  no: ({ name, intervention, outcome, followUp, control }) =>
    pick([
      `At ${followUp}, there was no difference in ${name} between the two groups (${means(outcome, 0)}).`,
      `${capitalise(name)} was similar with ${intervention} and with ${control} (${means(outcome, 0)}).`,
      `${capitalise(name)} did not differ between the intervention group and the control group (${means(outcome, 0)}).`,
    ]),
  maybe: ({ name, direction, outcome, subgroups: [first, second] }) =>
    `In ${first}, ${name} was ${direction} in the intervention group (${means(outcome, 1)}), ` +
    pick(["but", "whereas"]) +
    ` in ${second} there was no difference (${means(outcome, 0)}).`,
};

const LONG_ANSWERS = {
  yes: ({ intervention, verb, name, population }) =>
    pick([
      `${capitalise(intervention)} can ${verb} ${name} in ${population}.`,
      `In ${population}, ${intervention} was able to ${verb} ${name}.`,
      `Our results show that ${intervention} helps to ${verb} ${name} in ${population}.`,
    ]),
  no: ({ intervention, verb, name, population }) =>
    pick([
      `${capitalise(intervention)} did not ${verb} ${name} in ${population}.`,
      `In ${population}, ${intervention} had no effect on ${name}.`,
      `Our results do not show that ${intervention} can ${verb} ${name} in ${population}.`,
    ]),
  maybe: ({ intervention, verb, name, subgroups: [first, second] }) =>
    pick([
      `${capitalise(intervention)} may ${verb} ${name} in ${first}, but not in ${second}.`,
      `The effect of ${intervention} on ${name} was seen in ${first} only, so further study is needed.`,
    ]),
};

function makeRecord(facts, label) {
  const [design, groups] = methods(facts);
  const results = `${RESULTS[label](facts)} ${pick([...CLOSINGS, ADJUSTED[label]])}`;
  // Some abstracts have the groups as a section of their own, as some published ones do.
  const split = below(2) === 0;
  return {
    QUESTION: question(facts),
    CONTEXTS: [background(facts), ...(split ? [design, groups] : [`${design} ${groups}`]), results],
    LABELS: ["BACKGROUND", ...(split ? ["METHODS", "INTERVENTION"] : ["METHODS"]), "RESULTS"],
    MESHES: ["Humans", facts.heading, "Treatment Outcome"],
    final_decision: label,
    LONG_ANSWER: LONG_ANSWERS[label](facts),
    SYNTHETIC: true,
  };
}

function shuffledLabels() {
  const labels = Object.entries(ROWS_BY_LABEL).flatMap(([label, rows]) => Array(rows).fill(label));
  for (let last = labels.length - 1; last > 0; last--) {
    const other = below(last + 1);
    [labels[last], labels[other]] = [labels[other], labels[last]];
  }
  return labels;
}

/** A second row on the same facts could contradict the first, so none is made. */
function drawNewFacts(used) {
  for (;;) {
    const facts = drawFacts();
    const key = [facts.population, facts.intervention, facts.name].join("|");
    if (used.has(key)) continue;
    used.add(key);
    return facts;
  }
}

const used = new Set();
const records = shuffledLabels().map((label, index) => [
  `synthetic-${String(index + 1).padStart(4, "0")}`,
  makeRecord(drawNewFacts(used), label),
]);
const output = process.argv[2] ?? fileURLToPath(new URL("../assets/sample/pubmedqa-synthetic.json", import.meta.url));
writeFileSync(output, `${JSON.stringify(Object.fromEntries(records), null, 1)}\n`);
