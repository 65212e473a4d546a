// Writes what users get as a CycloneDX document, from the lock file alone: dist/sbom.cdx.json.
import { execFileSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';

const FILE = 'dist/sbom.cdx.json';
const args = [
  'sbom',
  '--sbom-format=cyclonedx',
  '--sbom-type=application',
  '--omit=dev',
  '--package-lock-only',
];
const sbom = JSON.parse(execFileSync('npm', args, { encoding: 'utf8', maxBuffer: 64 * 2 ** 20 }));
const { name } = JSON.parse(await readFile('package.json', 'utf8'));
// npm calls it after the directory that it lies in.
sbom.metadata.component.name = name;
await mkdir('dist', { recursive: true });
await writeFile(FILE, `${JSON.stringify(sbom, null, 2)}\n`);
console.log(`${FILE}: ${sbom.components.length} components`);
