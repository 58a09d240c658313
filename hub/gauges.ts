import { Gauge, type Registry } from 'prom-client'

/** What the hub measures when somebody asks (scrape.ts), and of trainings when they happen. */
export function hubGauges(registry: Registry) {
  const gauge = (name: string, help: string, labelNames: string[] = []) =>
    new Gauge({ name, help, labelNames, registers: [registry] })
  return {
    lagMessages: gauge('shelfedge_consumer_lag_messages', 'Messages not yet stored.', [
      'partition',
    ]),
    oldestSeconds: gauge(
      'shelfedge_oldest_not_stored_seconds',
      'Age of the oldest message not yet stored, since it came to the log.',
      ['partition'],
    ),
    logBytes: gauge('shelfedge_log_size_bytes', 'Bytes of the log in use; the embedded log only.'),
    logBytesMax: gauge(
      'shelfedge_log_limit_bytes',
      'Bytes past which the log refuses appends; the embedded log only.',
    ),
    storePeakBytes: gauge(
      'shelfedge_store_peak_memory_bytes',
      'The most memory the process of the embedded store has had resident.',
    ),
    deadLettersWaiting: gauge(
      'shelfedge_dead_letters_waiting',
      'Dead letters that are neither replayed nor discarded, by reason.',
      ['reason'],
    ),
    trainingInterval: gauge(
      'shelfedge_training_interval_seconds',
      'How long trainings lie apart; 0 where they are on demand only.',
    ),
    lastTraining: gauge(
      'shelfedge_last_training_timestamp_seconds',
      'When a training last ended without failing, or the hub started.',
      ['site'],
    ),
    erasuresOpen: gauge(
      'shelfedge_erasures_open',
      'Orders to erase a visitor that a POP or the store has not confirmed.',
    ),
    webhooksWaiting: gauge('shelfedge_webhooks_waiting', 'Webhooks not yet delivered.', [
      'endpoint',
    ]),
    webhooksDead: gauge('shelfedge_webhooks_dead', 'Webhooks given up, by endpoint.', ['endpoint']),
    ...popGauges(gauge),
  }
}

/** What POPs reported with their deliveries (pop-outboxes.ts). */
function popGauges(gauge: (name: string, help: string, labelNames: string[]) => Gauge) {
  return {
    popLastDelivery: gauge(
      'shelfedge_pop_last_delivery_timestamp_seconds',
      'When a delivery of the POP was last acknowledged.',
      ['pop'],
    ),
    popBatches: gauge(
      'shelfedge_pop_outbox_batches',
      'Batches in the outboxes that reported in the last five minutes, in all.',
      ['pop'],
    ),
    popBatchesMax: gauge(
      'shelfedge_pop_outbox_batches_max',
      'Batches in the fullest outbox that reported in the last five minutes.',
      ['pop'],
    ),
    popBytesMax: gauge(
      'shelfedge_pop_outbox_fullest_bytes',
      'Bytes in the fullest outbox that reported in the last five minutes.',
      ['pop'],
    ),
    popOldestSeconds: gauge(
      'shelfedge_pop_outbox_oldest_age_seconds',
      'Age of the oldest event in the outboxes that reported in the last five minutes.',
      ['pop'],
    ),
  }
}
