/** What learning one model may read, hold and take, and what it needs at least. */
export const learningBounds = {
  /** Whoever has more events is a till, a crawler or a load test: left out whole, as half a history is another. */
  eventsPerVisitorMax: 5_000,
  /** Visitors are drawn so that they have about so many events together. */
  eventsMax: 400_000,
  /** Read from the store at a time, about; twice the events of one visitor would still fit. */
  eventsPerPage: 40_000,
  /**
   * Of a visitor, for a model that reads profiles: its newest sessions, each of which looks through all its events; the
   * moments of older ones teach nothing.
   */
  profiledSessionsMax: 50,
  /** Of whom a trait was told more often it is not learned, as half of what was told would be another history. */
  tellingsMax: 1_000,
  /** The newest that a person was told by chance: a person is anybody, and teaches no more than some others together. */
  pricesPerPersonMax: 50,
  /** The newest that a person bought; of prices told before the oldest of them it is not known whether they were bought at. */
  purchasesPerPersonMax: 200,
  /** Read from the store at a time, about. */
  pricesPerPage: 10_000,
  /** The newest of a stream: two weeks of one every five minutes. */
  readingsPerStreamMax: 4_000,
  pageRowsMax: 200_000,
  pageBytesMax: 200_000_000,
  /** A page that is more is read in halves, and these again: to parts of some 600 events, where events are of a size. */
  pageHalvingsMax: 6,
  /** How far back rows are asked for; visitors are read from further back, so that their totals are whole. */
  days: 400,
  rowsMax: 100_000,
  /** Rows times columns: 20 MB as float32, three times that while a tree or a weight is trained. */
  cellsMax: 5_000_000,
  queryMsMax: 120_000,
  heapMbMax: 1_500,
  timeMsMax: 10 * 60_000,

  /** Of those where it happened, and of those where it did not, in what is learned from and in what judges. */
  learnedFromMin: 40,
  judgedMin: 10,
  /** For a stream: twenty readings and more a weight. */
  windowsLearnedMin: 600,
  windowsJudgedMin: 100,
  /** For segments: fewer visitors are told apart by chance; */
  segmentVisitorsMin: 100,
  /** and below this mean silhouette there is no structure to find (Kaufman and Rousseeuw 1990). */
  silhouetteMin: 0.25,
  /** For prices: so large a part of the rows at either end of a feature is taken for no further out than the others. */
  unusualShare: 0.01,
  /** In so many of the judged rows a higher price has to sell less. Where it does not, chance was learned. */
  deterredShareMin: 0.9,
  /** The newest rows judge. */
  judgedShare: 0.2,
  /** The newest of the others say when to stop, how sure to be, and which family it is. */
  chosenShare: 0.2,
  /** Draws visitors and rows: the same store, the same model. */
  seed: 1,
} as const
