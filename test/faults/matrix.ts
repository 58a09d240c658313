import { bounds } from './cases/bounds.ts'
import { disks } from './cases/disks.ts'
import { hubCrashes } from './cases/hub-crashes.ts'
import { kafkaFaults } from './cases/kafka.ts'
import { orders } from './cases/orders.ts'
import { poison } from './cases/poison.ts'
import { popCrashes } from './cases/pop-crashes.ts'
import { registries } from './cases/registries.ts'
import { stores } from './cases/stores.ts'
import { twoHubs } from './cases/two-hubs.ts'
import { wires } from './cases/wires.ts'
import type { FaultCase } from './fault-case.ts'

/** Every fault there is a case for. */
export const matrix: readonly FaultCase[] = [
  ...hubCrashes,
  ...popCrashes,
  ...wires,
  ...kafkaFaults,
  ...twoHubs,
  ...stores,
  ...registries,
  ...disks,
  ...bounds,
  ...poison,
  ...orders,
]
