# Writes one table with many writers, codecs and encodings, and the JSON that its rows must become.
import base64
import datetime as dt
import decimal
import json
import sys

import duckdb
import polars
import pyarrow as pa
import pyarrow.parquet as pq
out = json.load(sys.stdin)['folder']
n=3000
t=pa.table({
 'id': pa.array([f'r{i}' for i in range(n)]),
 'text': pa.array([('héllo %d'%i) if i%5 else None for i in range(n)]),
 'label': pa.array([['a','b','c'][i%3] for i in range(n)]).dictionary_encode(),
 'i64': pa.array([i*1000003 for i in range(n)], pa.int64()),
 'u32': pa.array([4294967295-i for i in range(n)], pa.uint32()),
 'u64': pa.array([i for i in range(n)], pa.uint64()),
 'f': pa.array([i/4 if i%7 else None for i in range(n)], pa.float32()),
 'd': pa.array([i/3 for i in range(n)]),
 'b': pa.array([i%2==0 if i%11 else None for i in range(n)]),
 'dec': pa.array([decimal.Decimal(i-50)/100 for i in range(n)], pa.decimal128(12,2)),
 'date': pa.array([dt.date(2024,1,1)+dt.timedelta(i) for i in range(n)]),
 'ts': pa.array([dt.datetime(2024,1,1,12)+dt.timedelta(milliseconds=i*250) for i in range(n)], pa.timestamp('us')),
 'tsz': pa.array([dt.datetime(2024,1,1,12,tzinfo=dt.timezone.utc)+dt.timedelta(milliseconds=i*250) for i in range(n)], pa.timestamp('ns','UTC')),
 'time': pa.array([dt.time(1,2,3,i*100) for i in range(n)], pa.time64('us')),
 'bin': pa.array([bytes([i%256,255]) for i in range(n)]),
 'list': pa.array([[j for j in range(i%4)] if i%6 else None for i in range(n)], pa.list_(pa.int32())),
 'll': pa.array([[[f's{j}'] * (j%3) for j in range(i%4)] if i%6 else None for i in range(n)], pa.list_(pa.list_(pa.string()))),
 'st': pa.array([{'x':i,'y':{'z':f'z{i}' if i%2 else None}} if i%4 else None for i in range(n)]),
 'ls': pa.array([[{'k':j,'v':None if j==1 else f'v{j}'} for j in range(i%3)] for i in range(n)]),
 'mp': pa.array([[(f'k{j}', j if j!=1 else None) for j in range(i%3)] if i%5 else None for i in range(n)], pa.map_(pa.string(), pa.int32())),
 'nul': pa.nulls(n),
})
for c in ['none','snappy','gzip','brotli','zstd','lz4']:
  for v in ['1.0','2.0']:
    pq.write_table(t, f'{out}/{c}-{v}.parquet', compression=c, data_page_version=v, row_group_size=700 if v=='1.0' else 100000, data_page_size=2000 if v=='2.0' else 1<<20, use_dictionary=(c!='gzip'))
pq.write_table(t.drop_columns(['label']).append_column('label', t['label'].cast(pa.string())), f'{out}/delta.parquet', use_dictionary=False, column_encoding={'id':'DELTA_BYTE_ARRAY','text':'DELTA_LENGTH_BYTE_ARRAY','i64':'DELTA_BINARY_PACKED','label':'PLAIN','d':'BYTE_STREAM_SPLIT','f':'BYTE_STREAM_SPLIT'}, data_page_size=3000)
simple = t.drop_columns(['time', 'u64', 'nul', 'mp', 'dec'])
polars.from_arrow(simple).write_parquet(f'{out}/polars.parquet', compression='zstd', row_group_size=1000)
duckdb.sql(f"copy (select * from simple) to '{out}/duckdb.parquet' (format parquet, compression 'zstd', row_group_size 2048)")

def dec(o):
    if isinstance(o, decimal.Decimal): return format(o,'f')
    if isinstance(o, bytes): return base64.b64encode(o).decode()
    if isinstance(o, dt.datetime):
        s=o.replace(tzinfo=None).isoformat(); s=s.rstrip('0') if '.' in s else s
        return s+('Z' if o.tzinfo else '')
    if isinstance(o, dt.time): s=o.isoformat(); return s.rstrip('0') if '.' in s else s
    if isinstance(o, dt.date): return o.isoformat()
    raise TypeError(type(o))
rows=t.to_pylist()
for r in rows:
    r['mp']=dict(r['mp']) if r['mp'] is not None else None
print(json.dumps(rows, default=dec))
