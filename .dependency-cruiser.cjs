/**
 * The room table: which folder may import which. docs/decisions/001 has the why.
 * test/ may import everything and nothing imports it.
 */
const room = (name, mayImport) => ({
  name: `${name}-imports-only-${mayImport.join('-') || 'itself'}`,
  severity: 'error',
  from: { path: `^${name}/` },
  to: {
    path: '^(edge|hub|shared|models|examples|test)/',
    pathNot: `^(${[name, ...mayImport].join('|')})/`,
  },
})

const onlyImporter = (dependency, file) => ({
  name: `only-${file.replaceAll(/[^a-z]+/g, '-')}-imports-${dependency.replaceAll(/[^a-z]+/g, '-')}`,
  severity: 'error',
  from: { path: '^(edge|hub|shared|models)/', pathNot: `^${file}$` },
  to: { path: `node_modules/${dependency}/` },
})

module.exports = {
  forbidden: [
    room('shared', []),
    room('models', ['shared']),
    room('edge', ['shared']),
    room('hub', ['shared', 'models']),
    room('examples', ['shared', 'models', 'hub']),
    {
      name: 'shared-and-models-are-pure',
      comment: 'no I/O: neither Node nor Cloudflare',
      severity: 'error',
      from: { path: '^(shared|models)/' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'the-worker-has-no-node',
      comment: 'edge/box runs in Node and starts the worker; the worker itself runs anywhere',
      severity: 'error',
      from: { path: '^edge/', pathNot: '^edge/box/' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'resolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: '^cloudflare:' },
    },
    onlyImporter('kafkajs', 'hub/log/kafka-[a-z]+\\.ts'),
    onlyImporter('chdb', 'hub/store/chdb-process\\.ts'),
    onlyImporter('@electric-sql', 'hub/registry/open-registry\\.ts'),
    onlyImporter('aws4fetch', 'hub/registry/s3-blobs\\.ts'),
    onlyImporter('miniflare', 'edge/box/main\\.ts'),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default'],
    },
  },
}
