/**
 * Every bound of Shelfedge that both sides must agree on, with its unit last in its name.
 * A bound lives here or nowhere: a queue, loop, body, map or cache without one is a bug.
 */
export const limits = {
  /** Segment's cap on a batch; SDKs split by it. */
  batchBytesMax: 500 * 1024,
  /** Segment's cap on one event. */
  eventBytesMax: 32 * 1024,
  /** A batch of 500 kB holds at most this many events worth keeping; it also sizes the dedupe window. */
  batchEventsMax: 1_000,
  /** Events that may ride on one decision. */
  decideEventsMax: 100,
  idCharactersMax: 256,
  nameCharactersMax: 256,
  jsonDepthMax: 24,

  /** Ids remembered a visitor: one whole batch can be sent again and every event is recognised. */
  recentIdsMax: 1_000,
  sessionItemsMax: 50,
  /** Of one window of running totals: sixty whole ones at most, and the one that the window begins in. */
  totalBucketsMax: 61,
  sessionIdleMsDefault: 30 * 60_000,
  /** A visitor not seen for this long is forgotten at the POP (never in the store). */
  visitorRetentionMs: 30 * 24 * 3_600_000,

  /** No tracking SDK is older; a device with a dead clock battery says 1970. */
  eventTimestampMinMs: Date.UTC(2000, 0, 1),
  /** A clock this far ahead, with no `sentAt` to correct it by, cannot be believed. */
  eventAheadMsMax: 24 * 3_600_000,

  /** A profile older than this is not used: what it says is of days, and a session that long has another. */
  profileAgeMsMax: 24 * 3_600_000,
  /** Visitors that one question for profiles may name, and those whose session began that one site has waiting. */
  profileBatchMax: 200,
  profilesWaitingMax: 10_000,
  /** Two hundred keys of 256 characters of four bytes, with their times. */
  profileQuestionBytesMax: 256 * 1024,
  /** Acts of a visitor of which a profile counts what categories they had; the newest. */
  profileTastesMax: 100,
  /** A session this old can do without. */
  profileWaitMsMax: 30_000,

  /** Devices that a user is known to use; past it the one named longest ago is forgotten. */
  linkedKeysMax: 8,
  /** Users whom a device at a till or in a family may have had, so that whoever erases it finds them. */
  linkedByMax: 500,
  /** A device that goes on naming its user is written down again so seldom. */
  linkRefreshMs: 3_600_000,
  /** Devices whose user an isolate need not write down again. */
  linksRememberedMax: 20_000,

  decisionItemsMax: 100,
  decisionItemsDefault: 20,
  placementsMax: 100,
  placementRulesMax: 200,
  expressionCharactersMax: 2_000,
  /** Steps of evaluation in one expression, its loops counted at their longest. */
  expressionStepsMax: 500,
  /** The same, summed over the rules of a placement that are asked anew for every item of a decision. */
  placementStepsMax: 2_000,
  /** Past so many failures in one decision a rule has failed for every further item: a failure takes 10 µs. */
  ruleFailuresMax: 20,
  /** Of one release, all its placements together: a byte for each rule and item whose verdict is kept. */
  verdictBytesMax: 8 * 1024 * 1024,
  /** Severities of one alert, and how often one is told again. */
  alertLevelsMax: 10,
  alertEscalationsMax: 10,
  /** By the clock an alert is told no more often than this, */
  alertClockMsMin: 1_000,
  /** and for so long after its first notice without an event or a question. */
  alertUnseenMsMax: 24 * 3_600_000,
  /** Prices of one placement that a visitor keeps; past it none is given of anything else while all of them bind. */
  pricesHeldMax: 100,
  issuesPerVisitorMax: 1_000,
  offerIssuesMax: 1_000_000_000,
  offerCodeCharactersMax: 64,
  /** Of one lease, which travels with its codes. */
  leaseUnitsMax: 1_000,
  /** Of one budget at one POP: one that is handed out of, one that comes, and those that go back. */
  leasesPerBudgetMax: 20,
  /** Budgets of which one POP holds leases, by site; past it the next one is unknown there. */
  leasedBudgetsMax: 1_000,
  /** What a POP gives back is given back after so long. */
  leaseMs: 10 * 60_000,
  /** Codes of one budget: the database of one machine counts them in some 50 ms. Generated codes have no such bound. */
  listedCodesMax: 200_000,
  /** Codes in one request of an operator, */
  codesAddedMax: 10_000,
  /** with their ends of lines. */
  codesAddedBytesMax: 1024 * 1024,
  protectedAttributesMax: 100,
  /** What one placement may remember of a visitor, as JSON: some 600 items shown three times each, */
  placementMemoryCharactersMax: 32 * 1024,
  /** and less where a policy has many: this is divided among them. A row of a Durable Object holds 2 MB. */
  memoryCharactersMax: 200_000,
  /** Visitors whom an isolate knows without asking their owner; 8 MB of them at most, */
  knownVisitorsMax: 500,
  /** of a session, totals and memory of so many characters together, */
  knownVisitorCharactersMax: 8 * 1024,
  /** and for so long. */
  knownVisitorMsMax: 60_000,
  /** A decision is made again where another of the same visitor came in between. */
  decisionTriesMax: 10,
  /** How often a frequency cap or a cool-down may let an item be shown: so many times are remembered of each. */
  shownTimesMax: 20,
  /** Told with one answer: whoever mends ten sees the next. */
  warningsMax: 10,
  contextListItemsMax: 50,
  contextCharactersMax: 16 * 1024,
  timeZonesMax: 500,
  /** Names of events that one placement listens to. */
  placementEventsMax: 20,
  /** Decisions that the events of one request set off; the events past it are taken and set off none. */
  triggeredDecisionsMax: 50,
  /** An event that is older sets off no decision, where its placement says nothing else, */
  triggerAgeMsMax: 15 * 60_000,
  /** and so much it may say at most: a year of history, sent again. */
  triggerAgeMsDeclaredMax: 400 * 24 * 3_600_000,
  /** Streams of one visitor: its tabs and devices; one more closes the oldest. */
  streamsPerVisitorMax: 4,
  streamsPerObjectMax: 1_000,
  /** A stream is ended at this age, and its client goes on with a new one: none is held open for ever. */
  streamMsMax: 15 * 60_000,
  /** What a client may leave unread: where it is more, the next decision closes its stream. */
  streamBytesWaitingMax: 256 * 1024,
  /** Decisions kept a watched visitor for a stream that broke off; the last always is, */
  streamPushesKeptMax: 50,
  /** bytes of them together: less than a client may leave unread, since they are sent at once, */
  streamPushBytesKeptMax: 192 * 1024,
  /** and for how long after it began. */
  streamResumeMs: 60 * 60_000,
  /** A SQLite row of a Durable Object holds at most 2 MB; the identity and the index need little of it. */
  outboxRowBytesMax: 600_000,
  /** What the log takes: a row of an outbox with its identity, below the 1 MB of a Kafka broker. */
  logMessageCharactersMax: 900_000,
  /** Of one object, batches that the hub refuses for what they hold; past it the outbox keeps them, and fills. */
  setAsideBatchesMax: 1_000,
  /** So many of them, the oldest first, are sent again at a time: what the hub still refuses goes one by one. */
  setAsideRetryBatchesMax: 100,
  setAsideRetryMs: 3_600_000,
  deliveryBytesMax: 4 * 1024 * 1024,
  deliveryBatchesMax: 2_000,
  /** What the hub accepts in one delivery: the POP's bound and one batch of slack. */
  ingestBytesMax: 6 * 1024 * 1024,
  refusalBodyCharactersMax: 1_000,

  /** A Worker's isolate has 128 MB, and two models are loaded during a swap. */
  releaseBytesMax: 10 * 1024 * 1024,
  /** A hub waits so long for the answer to a push; what is arriving longer is given up where another one comes. */
  releaseArrivalMsMax: 30_000,
  /** A visitor waits no longer for the first release of an isolate, and is answered without one. */
  firstLookMsMax: 10_000,
  /** A Worker may go on so long after its answer: a look at the shelf that takes longer was cut off. */
  shelfLookMsMax: 30_000,
  /** A decision that takes longer belongs to a request that was cancelled, and holds its release no longer. */
  decisionMsMax: 10_000,
  /** Votes of visitors on one canary that an isolate keeps, 1.6 MB; past it nobody new is counted, on either side. */
  canaryVisitorsMax: 10_000,
  /** The largest takes a second on a slow machine; less than `releaseArrivalMsMax`, so that a hub hears of it. */
  modelOpenMsMax: 20_000,
  /** Each has a session of the runtime beside its bytes. */
  releaseModelsMax: 8,
  /** Columns of one tabular model, each category one. */
  featureColumnsMax: 1_000,
  sitesMax: 100,

  /** What a process may have resident while everything behind it hangs; see docs/decisions/010. */
  hubMemoryMbMax: 1_000,
  popMemoryMbMax: 1_000,

  signatureWindowMs: 5 * 60_000,
  /** Over 3,000 signed requests a second in one window; 36 characters each, they take about 100 MB. */
  noncesMax: 1_000_000,
} as const
