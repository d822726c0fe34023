import { Option } from 'commander'

export function logOption(): Option {
  return new Option('--log <format>', 'how the log on standard output is written')
    .choices(['lines', 'json'])
    .default('lines')
}
