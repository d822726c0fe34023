export {
  defaultPortOf,
  formatNextHop,
  hopForDomain,
  isFarGateway,
  type LmtpServer,
  type NextHop,
  parseNextHop,
  type RemoteHop,
  type SmtpHop,
} from '../proto/smtp/next-hop.ts'
