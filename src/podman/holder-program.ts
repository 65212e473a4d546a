import { HOLDER_PROGRAM } from '../state/names.ts';
import { PodmanError } from './errors.ts';
import { TAR_END, tarHeader, tarPadding } from './tar.ts';

interface Machine {
  /** `e_machine` of the ELF header. */
  readonly elf: number;
  /** In hexadecimal digits. */
  readonly code: string;
}

/** Each waits for a signal that never comes, for ever: one system call, and a jump back to it. */
const MACHINES: Readonly<Record<string, Machine>> = {
  // mov eax, 34 (pause); syscall; jmp
  x64: { elf: 62, code: 'b822000000 0f05 ebf7' },
  // mov x0..x3, 0; mov x8, 73 (ppoll); svc 0; b
  arm64: { elf: 183, code: '000080d2 010080d2 020080d2 030080d2 280980d2 010000d4 faffff17' },
};

const LOAD_ADDRESS = 0x400000;
const ELF_HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const PAGE_BYTES = 0x1000;

/** The whole root file system of a holder: one static program of 200 bytes, so that no registry has to have it. */
export function holderRootfs(architecture: string): Buffer {
  const machine = MACHINES[architecture];
  if (!machine) {
    const known = Object.keys(MACHINES).join(' and ');
    throw new PodmanError(
      'BadRequest',
      `there is no holder program for ${architecture}, only for ${known}; use strategy Recreate with one replica`,
    );
  }
  const program = elfOf(machine);
  const header = tarHeader({
    path: HOLDER_PROGRAM.slice(1),
    type: 'file',
    mode: 0o755,
    mtimeSeconds: 0,
    sizeBytes: program.length,
  });
  return Buffer.concat([header, program, tarPadding(program.length), TAR_END]);
}

/** An ELF executable of one segment, which is the file itself. */
function elfOf({ elf, code: digits }: Machine): Buffer {
  const code = Buffer.from(digits.replaceAll(' ', ''), 'hex');
  const start = ELF_HEADER_BYTES + PROGRAM_HEADER_BYTES;
  const file = Buffer.alloc(start + code.length);
  // 64 bit, little-endian, version 1; an executable file.
  file.write('\x7fELF\x02\x01\x01', 'latin1');
  file.writeUInt16LE(2, 16);
  file.writeUInt16LE(elf, 18);
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(BigInt(LOAD_ADDRESS + start), 24);
  file.writeBigUInt64LE(BigInt(ELF_HEADER_BYTES), 32);
  file.writeUInt16LE(ELF_HEADER_BYTES, 52);
  file.writeUInt16LE(PROGRAM_HEADER_BYTES, 54);
  file.writeUInt16LE(1, 56);
  writeSegment(file.subarray(ELF_HEADER_BYTES), file.length);
  file.set(code, start);
  return file;
}

/** PT_LOAD, readable and executable. */
function writeSegment(header: Buffer, sizeBytes: number): void {
  header.writeUInt32LE(1, 0);
  header.writeUInt32LE(5, 4);
  header.writeBigUInt64LE(BigInt(LOAD_ADDRESS), 16);
  header.writeBigUInt64LE(BigInt(LOAD_ADDRESS), 24);
  header.writeBigUInt64LE(BigInt(sizeBytes), 32);
  header.writeBigUInt64LE(BigInt(sizeBytes), 40);
  header.writeBigUInt64LE(BigInt(PAGE_BYTES), 48);
}
