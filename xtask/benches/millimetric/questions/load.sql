insert into events select * from file('{segments}', Parquet)
