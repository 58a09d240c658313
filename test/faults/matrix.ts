import { hubCrashes } from './cases/hub-crashes.ts'
import { kafkaFaults } from './cases/kafka.ts'
import { popCrashes } from './cases/pop-crashes.ts'
import { wires } from './cases/wires.ts'
import type { FaultCase } from './fault-case.ts'

/** Every fault there is a case for. */
export const matrix: readonly FaultCase[] = [...hubCrashes, ...popCrashes, ...wires, ...kafkaFaults]
