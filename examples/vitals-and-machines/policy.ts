/** A minute of the ward passes in this time; whom to tell and when goes by the POP's clock, so its times shrink too. */
export const wardMinuteMs = 100

const minutes = (count: number) => count * wardMinuteMs

/**
 * `machine` learns what is usual for each device and tells when a record of unusualness is broken; `ward` reads the
 * score of a model that was pushed, and limits that hold without it.
 */
export const policy = `
placements:
  machine:
    kind: alert
    model: anomaly
    on: [Reading]
    onAgeMsMax: ${400 * 86_400_000}
    event: { value: double }
    levels:
      - { severity: unusual, on: score > 1.0, off: score < 0.5 }
      - { severity: extreme, on: score > 1.5, off: score < 0.5 }
  ward:
    kind: alert
    model: deterioration
    on: [Vital Signs]
    event: { heartRate: double, breaths: double, oxygen: double }
    silenceMs: ${minutes(15)}
    acknowledgedBy: Alarm Acknowledged
    levels:
      # An acknowledgement brings no readings, and neither raises nor ends anything.
      - severity: warning
        on: has(event.heartRate) && score > 0.5
        off: has(event.heartRate) && score < 0.2
        escalateMs: ${minutes(10)}
      - severity: urgent
        on: has(event.heartRate) && (score > 0.9 || event.heartRate > 150.0 && score > 0.5)
        off: has(event.heartRate) && score < 0.5
        escalateMs: ${minutes(5)}
`
