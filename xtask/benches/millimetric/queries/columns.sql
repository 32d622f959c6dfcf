-- What each column of the Parquet files takes; the database's own reader of their footers.
select place.1 as name, toFloat64(sum(place.2)) as bytes
from
(
    select arrayJoin(arrayMap(column -> (column.name, column.total_compressed_size), columns)) as place
    from file('{segments}', 'ParquetMetadata')
)
group by name
order by bytes desc
