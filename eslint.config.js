import tseslint from 'typescript-eslint';

const nondeterminism = [
  ['Date', 'now', 'Take a Clock by constructor.'],
  ['Math', 'random', 'Take a Random by constructor.'],
  ['process', 'env', 'Read the environment in src/main only.'],
].map(([object, property, message]) => ({ object, property, message }));

export default tseslint.config(
  { ignores: ['dist/**', 'src/rpc/gen/**', 'test/data/**', '*.config.*', '.dependency-cruiser.cjs'] },
  {
    files: ['**/*.ts'],
    plugins: { '@typescript-eslint': tseslint.plugin },
    languageOptions: {
      parser: tseslint.parser,
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { arguments: false } }],
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/main/**', 'src/cli/**', 'src/**/*.node.ts', 'src/**/*.test.ts'],
    rules: {
      'no-restricted-properties': ['error', ...nondeterminism],
      'no-restricted-globals': [
        'error',
        { name: 'setTimeout', message: 'Take a Clock by constructor.' },
        { name: 'setInterval', message: 'Take a Clock by constructor.' },
        { name: 'fetch', message: 'Take a Transport by constructor.' },
      ],
    },
  },
);
