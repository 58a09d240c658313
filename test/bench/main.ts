import { Command } from 'commander'
import { decisionsCommand } from './decisions-command.ts'
import { ingestCommand } from './ingest-command.ts'
import { qualityCommand } from './quality/command.ts'

await new Command('npm run bench --')
  .description('Measures a part of the system and writes the figures.')
  .addCommand(decisionsCommand())
  .addCommand(ingestCommand())
  .addCommand(qualityCommand())
  .parseAsync()
