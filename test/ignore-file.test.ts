import { describe, expect, test } from 'vitest';
import { parseIgnore } from '../src/state/ignore.ts';

describe('an ignore file', () => {
  test.each([
    ['*.md', ['a.md'], ['x/a.md', 'a.mdx']],
    ['**/*.md', ['a.md', 'x/y/a.md'], ['a.txt']],
    ['/build/', ['build', 'build/x'], ['x/build']],
    ['sub', ['sub', 'sub/deep/file'], ['subway', 'x/sub']],
    ['./sub', ['sub'], []],
    ['a?c\n[x-z]*', ['abc', 'x1'], ['ac', 'a/c', 'w']],
    ['[^a]x', ['bx'], ['ax']],
    ['[ü]', ['ü'], ['u']],
    ['?', ['😀'], ['ab']],
    ['*\n!keep\n!src/**\nsrc/tmp', ['other', 'src/tmp/x'], ['keep', 'src/a/b']],
    ['!keep\n*', ['keep'], []],
    ['# comment\r\n\r\n./x\r', ['x'], ['# comment']],
    ['a+b(c)', ['a+b(c)'], ['aab(c)']],
    ['a.c', ['a.c'], ['abc']],
    ['\\*', ['*'], ['x']],
    ['**', ['any/thing'], []],
    ['a/**/z', ['a/z', 'a/b/c/z'], ['az']],
    ['a**z', ['az', 'a/b/z'], ['a/b']],
    ['**/**/z', ['z', 'a/z', 'a/b/z'], ['az']],
    ['.\n!\n/', [], ['file']],
    ['[z-a]', ['[z-a]'], ['z']],
    ['[\\]', ['[\\]'], ['\\']],
    ['a[', ['a['], ['a']],
    ['b\\', ['b\\'], ['b']],
    ['! keep\n*\n! keep', ['other'], ['keep']],
    ['.//./sub//', ['sub', 'sub/x'], ['x']],
    ['a/**', ['a/b', 'a/b/c'], ['ab', 'b/a/c']],
    ['**/', ['a/b'], []],
    ['a*', ['a', 'ab', 'ab/c'], ['ba', 'b/a']],
    ['[]', ['[]'], ['x']],
    ['a[b', ['a[b'], ['ab']],
    ['[\n]', [], ['x']],
    ['x?', ['xy', 'x😀'], ['x', 'x/', 'xyz']],
    ['?*?', ['ab', 'abc'], ['a']],
    ['*a?*', ['bab', 'aab'], ['ba', 'a']],
  ])('%j', (text, ignored, kept) => {
    const { ignores } = parseIgnore(text);
    expect(ignored.filter((path) => !ignores(path))).toEqual([]);
    expect(kept.filter(ignores)).toEqual([]);
  });

  test.each([
    ['a\n!b', true],
    ['!b\na', true],
    ['a\nb', false],
    ['', false],
    ['# !a', false],
  ])('%j has exceptions: %s', (text, expected) => {
    expect(parseIgnore(text).hasExceptions).toBe(expected);
  });

  test('no pattern takes long, whatever it is matched with', () => {
    const startedAt = performance.now();
    expect(parseIgnore(`${'*a'.repeat(20)}x`).ignores('a'.repeat(100))).toBe(false);
    expect(parseIgnore(`${'**/'.repeat(20)}x`).ignores(`${'a/'.repeat(150)}b`)).toBe(false);
    expect(parseIgnore(`${'**a'.repeat(20)}x`).ignores('a/'.repeat(150))).toBe(false);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });
});
