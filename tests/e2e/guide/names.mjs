// Loaded before an app that follows README.md: the guide's names lead to this machine, as DNS or /etc/hosts would have it.
import dns from 'node:dns';

const real = dns.lookup;
dns.lookup = (host, options, callback) => real(host.endsWith('.example.com') ? '127.0.0.1' : host, options, callback);
