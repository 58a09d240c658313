import { Counter, Gauge, Registry } from 'prom-client'

/** What the hub counts, in one place; served as `/metrics`. */
export function hubMetrics() {
  const registry = new Registry()
  const counter = (name: string, help: string, labelNames: string[] = []) =>
    new Counter({ name, help, labelNames, registers: [registry] })
  const gauge = (name: string, help: string, labelNames: string[] = []) =>
    new Gauge({ name, help, labelNames, registers: [registry] })
  return {
    registry,
    batchesAccepted: counter('shelfedge_batches_accepted_total', 'Batches written to the log.'),
    batchesDuplicate: counter(
      'shelfedge_batches_duplicate_total',
      'Batches recognised by their identity and not written again.',
    ),
    requestsRefused: counter('shelfedge_requests_refused_total', 'Requests refused, by code.', [
      'code',
    ]),
    rowsStored: counter('shelfedge_rows_stored_total', 'Rows handed to the store, by table.', [
      'table',
    ]),
    recordsUnreadable: counter(
      'shelfedge_records_unreadable_total',
      'Records of the log that do not keep the contract.',
    ),
    storeRetries: counter('shelfedge_store_retries_total', 'Chunks that had to be stored again.'),
    trainings: counter('shelfedge_trainings_total', 'Trainings, by outcome.', ['outcome']),
    pushes: counter('shelfedge_release_pushes_total', 'Pushes of a release, by outcome.', [
      'outcome',
    ]),
    erasuresOpen: gauge(
      'shelfedge_erasures_open',
      'Orders to erase a visitor that a POP or the store has not confirmed.',
    ),
    lagMessages: gauge('shelfedge_consumer_lag_messages', 'Messages not yet stored.', [
      'partition',
    ]),
    oldestSeconds: gauge(
      'shelfedge_oldest_not_stored_seconds',
      'Age of the oldest message not yet stored.',
      ['partition'],
    ),
  }
}
export type HubMetrics = ReturnType<typeof hubMetrics>
