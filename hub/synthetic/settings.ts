const minuteMs = 60_000
const dayMs = 24 * 60 * minuteMs

/** How people shop. Shares are probabilities; durations are of the simulation, before `timeScale`. */
export const usualBehaviour = {
  /** 0: the same traffic at any hour; 0.7: the evening has 1.7 times the mean, the early morning 0.3. */
  dayWaveDepth: 0.7,
  dayWavePeakHourUtc: 19,
  returningShare: 0.4,
  /** A visitor comes back after this at the earliest; above the idle limit, or two visits are one session. */
  returnAfterHoursMin: 10,
  viewsPerVisitMean: 6,
  /** The next item is drawn from the hidden truth this often, from the category's popular items otherwise. */
  followTruthShare: 0.65,
  dwellMsMedian: 25_000,
  dwellSigma: 0.9,
  searchShare: 0.12,
  addShare: 0.14,
  removeShare: 0.12,
  cartViewedShare: 0.8,
  checkoutShare: 0.65,
  orderShare: 0.75,
  loginAtCheckoutShare: 0.7,
  loginAtStartShare: 0.05,
  refundShare: 0.08,
  refundAfterDaysMedian: 5,
  appShare: 0.25,
  /** An SDK sends what it has gathered this long after the first event, or when a page is left. */
  flushAfterMs: 5_000,
}

/** What is wrong with the data, how often; every case is marked in the truth of its emission. */
export const usualDirt = {
  /** Of emissions: the answer was lost, so the SDK sends the same again. */
  duplicateShare: 0.02,
  duplicateAfterMsMedian: 20_000,
  /** Of new visitors: the clock of their device is off, by minutes to days, to either side. */
  skewedDeviceShare: 0.03,
  skewMsMin: 2 * minuteMs,
  skewMsMax: 3 * dayMs,
  /** Of arrivals: a crawler instead of a shopper. One brings some hundred views. */
  botShare: 0.002,
  botUserAgentShare: 0.6,
  botViewsPerMinuteMin: 200,
  botViewsPerMinuteMax: 600,
  /** Of arrivals: a till or an app that was offline delivers days-old events. */
  lateShare: 0.005,
  lateDaysMin: 1,
  lateDaysMax: 14,
  /** Of product events, each. */
  missingPriceShare: 0.02,
  missingCategoryShare: 0.02,
  /** Of shoppers' events other than orders and refunds. */
  malformedShare: 0.002,
}

/** All that the generator ever holds; beyond a bound it admits less, it never grows. */
export const usualLimits = {
  /** Planned, not yet sent. At the bound, arriving visitors are turned away and nothing is sent twice. */
  emissionsHeldMax: 20_000,
  /** At the bound an order is kept for good. */
  refundsHeldMax: 5_000,
  /** At the bound a new visitor takes the place of an old one, who does not come back. */
  visitorsHeldMax: 5_000,
  viewsPerVisitMax: 60,
  botViewsMin: 100,
  botViewsMax: 400,
  basketLinesMax: 20,
  /** Below the usual 30 minutes of session idleness, so that a visit is one session. */
  dwellMsMax: 20 * minuteMs,
  duplicateAfterMsMax: 10 * minuteMs,
  refundAfterDaysMax: 30,
  eventsPerBatchMax: 20,
  eventsPerLateBatchMax: 100,
}

export type Behaviour = Readonly<typeof usualBehaviour>
export type Dirt = Readonly<typeof usualDirt>
export type Limits = Readonly<typeof usualLimits>

/** Clean data, for a test about something else. */
export const noDirt: Partial<Dirt> = {
  duplicateShare: 0,
  skewedDeviceShare: 0,
  botShare: 0,
  lateShare: 0,
  missingPriceShare: 0,
  missingCategoryShare: 0,
  malformedShare: 0,
}

export interface Settings {
  readonly behaviour: Behaviour
  readonly dirt: Dirt
  readonly limits: Limits
  /** Below 1 shortens what passes within a visit (0.1: ten times as fast); days stay days. */
  readonly timeScale: number
}
