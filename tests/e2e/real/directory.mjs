// A real OpenLDAP with the people and groups of a test, over TLS.
import { execFile } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort, startChild, tempFolder } from '../harness/child.mjs';
import { eventually } from '../harness/wait.mjs';

const run = promisify(execFile);
const BASE = 'dc=example,dc=com';
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };

/** Starts it. `people`: `{ uid, name, mail, password }`, each · `groups`: name to the list of uids. */
export async function startDirectory({ certificate, people, groups }) {
  const folder = tempFolder('directory');
  const file = (name) => join(folder.path, name);
  const port = await freePort();
  writeFileSync(file('slapd.conf'), configuration(certificate, folder.path), { mode: 0o600 });

  async function start(who, where) {
    rmSync(file('data'), { recursive: true, force: true });
    mkdirSync(file('data'));
    writeFileSync(file('people.ldif'), entries(who, where));
    await run('slapadd', ['-f', file('slapd.conf'), '-l', file('people.ldif')], { env });
    const args = ['-h', `ldaps://127.0.0.1:${port}`, '-f', file('slapd.conf'), '-d', '0'];
    const started = startChild('slapd', 'slapd', args, { env });
    await eventually('the directory takes connections', () => {
      if (!started.running()) throw new Error(`slapd ended\n${started.tail()}`);
      return reaches(port);
    });
    return started;
  }
  let child = await start(people, groups);
  return {
    port,
    /** Others are in it from now on. It is away for a moment. */
    async change(changed) {
      await child.stop();
      child = await start(changed.people, changed.groups);
    },
    async stop() {
      await child.stop();
      folder.remove();
    },
  };
}

const reaches = (port) =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });

const configuration = (certificate, folder) => `
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCertificateFile ${certificate.cert}
TLSCertificateKeyFile ${certificate.key}
database mdb
suffix "${BASE}"
directory ${join(folder, 'data')}
access to attrs=userPassword by anonymous auth
access to * by * read
`;

function entries(people, groups) {
  const person = ({ uid, name, mail, password }) => `dn: uid=${uid},ou=people,${BASE}
objectClass: inetOrgPerson
uid: ${uid}
cn: ${name}
sn: ${name.split(' ').at(-1)}
mail: ${mail}
userPassword: ${password}
`;
  const group = ([name, members]) => `dn: cn=${name},ou=groups,${BASE}
objectClass: groupOfNames
cn: ${name}
${members.map((uid) => `member: uid=${uid},ou=people,${BASE}\n`).join('')}`;
  return [
    `dn: ${BASE}\nobjectClass: dcObject\nobjectClass: organization\no: Example\n`,
    ...['people', 'groups'].map((unit) => `dn: ou=${unit},${BASE}\nobjectClass: organizationalUnit\nou: ${unit}\n`),
    ...people.map(person),
    ...Object.entries(groups).map(group),
  ].join('\n');
}
