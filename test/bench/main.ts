import { Command } from 'commander'
import { ingestCommand } from './ingest-command.ts'

await new Command('npm run bench --')
  .description('Measures a part of the system and writes the figures.')
  .addCommand(ingestCommand())
  .parseAsync()
