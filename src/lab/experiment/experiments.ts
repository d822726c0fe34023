import { contacts, delivery, throughput } from './crossing.ts'
import type { Experiment } from './experiment.ts'
import { retrieval } from './retrieval.ts'

export const EXPERIMENTS: readonly Experiment[] = [delivery, retrieval, throughput, contacts]
