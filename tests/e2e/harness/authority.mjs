// A certificate authority that lives as long as a test, and what it vouches for.
import { execFile } from 'node:child_process';
import { X509Certificate, createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const KEY = '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes';

/** Makes one in `folder`, its certificate as the file `corporate-ca.crt`. */
export async function makeAuthority(folder) {
  const openssl = (words) => run('openssl', words.split(' '), { cwd: folder });
  await openssl(`req -x509 ${KEY} -days 1 -keyout ca.key -out corporate-ca.crt -subj /CN=Throw-away -addext keyUsage=keyCertSign`);
  return {
    file: join(folder, 'corporate-ca.crt'),
    /** A certificate of these names and addresses, as the files `NAME.key` and `NAME.crt`, which are also given. */
    async vouch(name, names, days = 1) {
      const listed = names.map((one) => `${isIP(one) ? 'IP' : 'DNS'}:${one}`).join(',');
      await openssl(`req ${KEY} -keyout ${name}.key -out ${name}.csr -subj /CN=${names[0]}`);
      writeFileSync(join(folder, `${name}.names`), `subjectAltName=${listed}\nbasicConstraints=CA:FALSE\n`);
      const signed = `-CA corporate-ca.crt -CAkey ca.key -days ${days} -out ${name}.crt -extfile ${name}.names`;
      await openssl(`x509 -req -in ${name}.csr ${signed}`);
      const read = (ending) => readFileSync(join(folder, `${name}.${ending}`));
      return { key: read('key'), cert: read('crt') };
    },
  };
}

/** The hash by which the browser is told to believe a certificate. */
export function publicKey(certificate) {
  const key = new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(key).digest('base64');
}
