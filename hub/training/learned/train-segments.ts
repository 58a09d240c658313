import { adjustedRand } from '#models/segments/compare.ts'
import { describeSegments, type Segment, type SegmentsBefore } from '#models/segments/describe.ts'
import { buildSegmentsModel } from '#models/segments/graph.ts'
import { assign, type SegmentRows, trainSegments } from '#models/segments/train.ts'
import type { Learning } from '#shared/learning.ts'
import { segmentsFromModel } from '#shared/tabular/segments.ts'
import { learningBounds } from './bounds.ts'
import { noModel, type TrainedRows } from './train-rows.ts'

export type SegmentsLearning = Extract<Learning, { learns: 'segments' }>

/** A model of the live release that was learned under the same name, from the same features. */
export interface LiveSegments {
  readonly bytes: Uint8Array
  readonly segments: readonly Segment[]
}

/**
 * Learns segments from rows, one a visitor, and names them; those that are the visitors of a live one go on under its name
 * and number. Same rows and the same live ones, same bytes.
 */
export function trainSegmentRows(
  rows: SegmentRows,
  learning: SegmentsLearning,
  live: LiveSegments | null,
): TrainedRows {
  const { seed, segmentVisitorsMin, silhouetteMin } = learningBounds
  const visitorsLearned = rows.rows.length / rows.columns
  const figures = { rows: visitorsLearned }
  if (visitorsLearned < segmentVisitorsMin) {
    const reason = `${visitorsLearned} visitors, ${segmentVisitorsMin} are needed`
    return { ...noModel, outcome: 'too_little', reason, figures }
  }
  const { segmentsMin, segmentsMax } = learning
  const trained = trainSegments(rows, { segmentsMin, segmentsMax, seed })
  if (trained === null) {
    const reason = `the visitors are too much alike for ${segmentsMin} segments`
    return { ...noModel, outcome: 'too_little', reason, figures }
  }
  const { silhouette } = trained
  const found = trained.model.centroids.length / rows.columns
  const structure = `the silhouette of ${found} segments is ${silhouette.toFixed(3)}`
  const measured = { ...figures, segments: found, silhouette }
  if (silhouette < silhouetteMin) {
    const reason = `${structure}, below ${silhouetteMin}: there are no groups, only more and less`
    return { ...noModel, outcome: 'not_better', reason, figures: measured }
  }
  const before: SegmentsBefore | null = live && {
    model: segmentsFromModel(live.bytes),
    segments: live.segments,
  }
  const names = learning.features.map(({ name }) => name)
  const { model, segments } = describeSegments(trained.model, rows, names, before)
  const stability = before && {
    // How far the same visitors are together as they were before.
    adjustedRand: adjustedRand(assign(before.model, rows), assign(model, rows)),
    segmentsKept: segments.filter(({ name }) => live?.segments.some((old) => old.name === name))
      .length,
  }
  const told = [structure, ...segments.map(({ name, says }) => `${name}: ${says}`)].join('; ')
  return {
    ...{ outcome: 'learned', reason: told, family: 'segments', reliability: [], segments },
    ...{ figures: { ...measured, ...stability }, model, bytes: buildSegmentsModel(model) },
  }
}
