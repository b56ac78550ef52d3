export { type ExportPeftOptions, exportPeftAdapter } from "./adapter/exportPeft.js";
export { type ConvertedAdapter, type ImportPeftOptions, importPeftAdapter } from "./adapter/importPeft.js";
export { type MergeOptions, type MergeResult, mergeAdapter } from "./adapter/merge.js";
export { type LabelSpan, type RenderChatMLOptions, renderChatML, type TextSpan } from "./chat/chatml.js";
export { type Tokenizer, tokenizeChatRow, tokenizeCompletionRow } from "./chat/tokenizeRow.js";
export { trainConfigJsonSchema } from "./config/jsonSchema.js";
export { loadTrainConfig, type ParseOptions, parseTrainConfig } from "./config/load.js";
export {
  type DatasetConfig,
  LORA_MODULES,
  type ModelConfig,
  type TrainConfig,
  type TrainConfigInput,
} from "./config/schema.js";
export { Dashboard, type DashboardOptions, startDashboard } from "./dashboard/dashboard.js";
export type { GramMatch, Overlap } from "./data/contamination.js";
export {
  type GuidelinesManifest,
  type PrepareGuidelinesOptions,
  prepareGuidelines,
  type SourceCounts,
} from "./data/guidelines.js";
export type { FileSource, ManifestCounts, ManifestOutput, ManifestSource, TableSource } from "./data/manifest.js";
export {
  type ExplainMimicOptions,
  explainMimic,
  explainMimicSteps,
  type MimicExplanation,
  type MimicInput,
  type MimicManifest,
  type PrepareMimicOptions,
  prepareMimic,
} from "./data/mimic/prepareMimic.js";
export { SECTION_NAMES, type SectionName } from "./data/mimic/sectionNames.js";
export type { PostgresOptions } from "./data/mimic/sourcePostgres.js";
export {
  type PrepareManifest,
  type PreparePubMedQAOptions,
  type PubMedQAAnswer,
  preparePubMedQA,
  type SkipReason,
} from "./data/prepare.js";
export type { PrepareProgress } from "./data/progress.js";
export {
  loadPubMedQA,
  PUBMEDQA_LABELS,
  type PubMedQALabel,
  type PubMedQARecord,
  pubmedqaMessages,
} from "./data/pubmedqa.js";
export type { PreparedFile } from "./data/pubmedqaFiles.js";
export {
  type ChatMessage,
  type ChatRow,
  type CompletionRow,
  isChatRow,
  loadRows,
  readRows,
  type TrainingRow,
} from "./data/rows.js";
export {
  type LineCounts,
  type PrepareTextbookOptions,
  prepareTextbook,
  type TextbookManifest,
} from "./data/textbook.js";
export type { Strip } from "./data/textbookText.js";
export { type Diagnosis, diagnose, type Problem } from "./doctor/diagnose.js";
export { ERROR_CODES, type ErrorCode, isMediloraError, MediloraError } from "./errors.js";
export type { EvaluationProgress } from "./eval/ask.js";
export { type BenchmarkResult, compareResults, type MetricDifference } from "./eval/benchmarkResults.js";
export { compareEvaluations, type Difference, type EvaluationComparison } from "./eval/compare.js";
export {
  type Contamination,
  type ContaminationCheck,
  type ContaminationCheckOptions,
  checkBenchmarks,
} from "./eval/contamination.js";
export { type DefinedTask, defineTask } from "./eval/define/defineTask.js";
export type { DefinedQuestion } from "./eval/define/generation.js";
export { loadTask } from "./eval/define/load.js";
export type { GenerationDefinition, LikelihoodDefinition, TaskDefinition } from "./eval/define/schema.js";
export { type Downloaded, type DownloadOptions, downloadBenchmarks } from "./eval/download/download.js";
export type { FetchedFile } from "./eval/download/fetchFile.js";
export { type DumpedRequest, type DumpRequestsOptions, dumpRequests } from "./eval/dumpRequests.js";
export { evaluate } from "./eval/evaluate.js";
export type { EvaluateOptions } from "./eval/evaluateOptions.js";
export {
  type AdapterIdentity,
  type CleanAnswers,
  type EvaluationIntervals,
  type EvaluationItem,
  type EvaluationResult,
  type EvaluationTimings,
  type FileIdentity,
  MEDICAL_NOTICE,
} from "./eval/evaluationResult.js";
export { type ExtractionRule, medqaPrefix3, pubmedqaStrict } from "./eval/extraction.js";
export {
  type BootstrapOptions,
  type Interval,
  mcnemarExact,
  wilson,
} from "./eval/intervals.js";
export { compareLikelihoods, type LikelihoodComparison } from "./eval/loglikelihood/compare.js";
export { evaluateLikelihood } from "./eval/loglikelihood/evaluateLikelihood.js";
export type { MeanScore } from "./eval/loglikelihood/metrics.js";
export type { LikelihoodOptions, LikelihoodProgress } from "./eval/loglikelihood/options.js";
export type { LikelihoodItem, LikelihoodResult, MetricScore, TaskScore } from "./eval/loglikelihood/result.js";
export type {
  ChoiceQuestion,
  LikelihoodMetric,
  LikelihoodTask,
  LocatedQuestion,
  TaskGroup,
} from "./eval/loglikelihood/task.js";
export {
  type ClassificationMetrics,
  classificationMetrics,
  type LabelMetrics,
  type ScoredItem,
} from "./eval/metrics.js";
export { pairedBootstrapDifference } from "./eval/pairedDifference.js";
export { paperBaseline, type QuotedScore, type QuotedTask } from "./eval/paperBaseline.js";
export { SAMPLER_PRESETS, type SamplerPreset, type SamplerStep } from "./eval/samplers.js";
export type { ChainOfThought } from "./eval/strategies/chainOfThought.js";
export type { EmbeddingProgress } from "./eval/strategies/embeddings.js";
export type { OptionOrder, Order } from "./eval/strategies/shuffling.js";
export type { EvaluationStrategy, NeighbourOptions, StrategyDescription } from "./eval/strategies/strategy.js";
export type { Vote } from "./eval/strategies/vote.js";
export type { GenerationTask } from "./eval/task.js";
export { type GenerateOptions, type Generation, type LoadModelOptions, loadModel, type Model } from "./model.js";
export type { ModelInfo } from "./modelInfo.js";
export type { AddonFile } from "./native/addonFiles.js";
export type {
  AdapterOptions,
  FlashAttention,
  GemmInfo,
  GemmKernel,
  GenerateResult,
  KvType,
  SystemInfo,
  VocabType,
} from "./native/binding.js";
export { type NativeTokenizer, openTokenizer } from "./native/tokenizer.js";
export type { CountProgress } from "./native/trainingBinding.js";
export { loadPipeline, type ParsePipelineOptions, type Pipeline, parsePipeline } from "./pipeline/load.js";
export { type PlannedStep, planPipeline } from "./pipeline/plan.js";
export { type PipelineOptions, type PipelineProgress, type PipelineResult, runPipeline } from "./pipeline/run.js";
export { type ImatrixOptions, type ImatrixResult, makeImatrix } from "./quantize/imatrix.js";
export {
  measurePerplexity,
  type PerplexityOptions,
  type PerplexityProgress,
  type PerplexityResult,
} from "./quantize/perplexity.js";
export type { Estimate, ModelDifference } from "./quantize/perplexityStatistics.js";
export {
  type QuantizeOptions,
  type QuantizeResult,
  quantize,
  quantizeTypes,
  type TensorTypeRule,
} from "./quantize/quantize.js";
export { baselineMarkdown, baselineTable } from "./report/baselineTable.js";
export { type BenchmarkTableOptions, benchmarkMarkdown, benchmarkTable } from "./report/benchmarkTable.js";
export { questionsCsv, resultsCsv } from "./report/csv.js";
export { evaluationMarkdown, evaluationTable } from "./report/evaluationTable.js";
export { type EvaluationReportOptions, evaluationReport, writeEvaluationReport } from "./report/html/document.js";
export { trainingPage } from "./report/html/trainingPage.js";
export { likelihoodMarkdown, likelihoodTable } from "./report/likelihoodTable.js";
export { type LossCurveOptions, lossCurveSvg, lossCurveTerminal } from "./report/lossCurve.js";
export type { TerminalPlotOptions } from "./report/lossCurveTerminal.js";
export type { LossPoint as LossCurvePoint } from "./report/lossScale.js";
export { perplexityTable } from "./report/perplexityTable.js";
export type { TableOptions } from "./report/table.js";
export { readTrainingRun, type TrainingRun } from "./report/trainingRun.js";
export { planTraining, type TrainingEstimate } from "./train/estimate.js";
export type { MemoryPlan } from "./train/memory.js";
export type { TokenizedSample } from "./train/packing.js";
export type { LossPoint, MetricLine, SampleGeneration, TrainProgress, TrainStep } from "./train/progress.js";
export type { TrainOptions, TrainResult } from "./train/run.js";
export { train } from "./train/train.js";
