using Gateway.Core.Caching;

namespace Gateway.Server.Metrics;

/// <summary>The response cache's metrics: Triton's for models with a cache and for the whole, and what it has no word for.</summary>
/// <remarks>Of Triton's, a request that joined another's run is neither a hit nor a miss; it is among the lookups.</remarks>
internal static class CacheFamilies
{
    public static void Write(PrometheusWriter writer, IReadOnlyList<ModelSample> all, CacheUsage? usage)
    {
        ModelSample[] models = [.. all.Where(model => model.Cache is not null)];
        Each(writer, models, "nv_cache_num_hits_per_model", "counter", "Number of cache hits per model", static cache => cache.Hits);
        Each(writer, models, "nv_cache_num_misses_per_model", "counter", "Number of cache misses per model", static cache => cache.Misses);
        Each(writer, models, "nv_cache_hit_duration_per_model", "counter", "Total cache hit duration per model, in microseconds", static cache => cache.HitDuration.TotalNanoseconds / 1000);
        Each(writer, models, "nv_cache_miss_duration_per_model", "counter", "Total cache miss (insert+lookup) duration per model, in microseconds", static cache => cache.MissNanoseconds / 1000);
        if (usage is not null) WriteWhole(writer, models, usage);
        Each(writer, models, "gateway_cache_disk_hits_total", "counter", "Hits whose answer was on disk.", static cache => cache.DiskHits);
        Each(writer, models, "gateway_cache_joins_total", "counter", "Requests answered by the run of another that asked the same at the same time.", static cache => cache.Joins);
        Each(writer, models, "gateway_cache_refreshes_total", "counter", "Requests that asked to be run and kept.", static cache => cache.Refreshes);
        Each(writer, models, "gateway_cache_bypasses_total", "counter", "Requests that asked for no cache.", static cache => cache.Bypasses);
        Each(writer, models, "gateway_cache_insertions_total", "counter", "Answers kept.", static cache => cache.Insertions);
        Each(writer, models, "gateway_cache_restored_total", "counter", "Answers taken over from an earlier life of the server.", static cache => cache.Restored);
        Each(writer, models, "gateway_cache_evictions_total", "counter", "Answers let go of, for others or because the model's quota was full.", static cache => cache.Evictions);
        Each(writer, models, "gateway_cache_not_admitted_total", "counter", "Answers not kept because the cache was full and they were asked for once.", static cache => cache.NotAdmitted);
        Each(writer, models, "gateway_cache_not_stored_total", "counter", "Answers not kept because they were too large, or came faster than they could be written.", static cache => cache.NotStored);
        Gauge(writer, models, "gateway_cache_model_bytes", "Bytes of a model's answers that may be used.", static model => model.CacheUse.Bytes);
        Gauge(writer, models, "gateway_cache_model_entries", "Answers of a model that may be used.", static model => model.CacheUse.Entries);
        Gauge(writer, models, "gateway_cache_model_disk_bytes", "Bytes of them that are on disk alone.", static model => model.CacheUse.DiskBytes);
        writer.Family("gateway_cache_hit_ratio", "gauge", "Hits since the start as a share of the requests that looked; what joined another's run counts as none.");
        foreach (ModelSample model in models) writer.Sample("gateway_cache_hit_ratio", HitRatio(model.Cache!), ("model", model.Name), ("version", model.Version));
        WriteAges(writer, models);
    }

    private static void WriteWhole(PrometheusWriter writer, ModelSample[] models, CacheUsage usage)
    {
        One(writer, "nv_cache_num_entries", "gauge", "Number of responses stored in response cache", usage.Entries);
        One(writer, "nv_cache_num_lookups", "gauge", "Number of cache lookups in response cache", models.Sum(model => model.Cache!.Hits + model.Cache.Misses + model.Cache.Joins));
        One(writer, "nv_cache_num_hits", "gauge", "Number of cache hits in response cache", models.Sum(model => model.Cache!.Hits));
        One(writer, "nv_cache_num_misses", "gauge", "Number of cache misses in response cache", models.Sum(model => model.Cache!.Misses));
        One(writer, "nv_cache_num_evictions", "gauge", "Number of cache evictions in response cache", models.Sum(model => model.Cache!.Evictions));
        One(writer, "nv_cache_lookup_duration", "gauge", "Total cache lookup duration (hit and miss), in microseconds", models.Sum(model => model.Cache!.LookupNanoseconds / 1000));
        One(writer, "nv_cache_insertion_duration", "gauge", "Total cache insertion duration, in microseconds", models.Sum(model => model.Cache!.InsertionNanoseconds / 1000));
        writer.Family("nv_cache_util", "gauge", "Cache utilization [0.0 - 1.0]");
        writer.Sample("nv_cache_util", Math.Min(1, (double)usage.Bytes / usage.Capacity));
        One(writer, "gateway_cache_bytes", "gauge", "Bytes that the cache uses, in memory and on disk.", usage.Bytes);
        One(writer, "gateway_cache_memory_bytes", "gauge", "Bytes of them that are in memory.", usage.MemoryBytes);
        One(writer, "gateway_cache_spilled_bytes_total", "counter", "Bytes written to the cache's disk.", usage.SpilledBytes);
    }

    private static double HitRatio(CacheCounts cache) => (double)cache.Hits / Math.Max(1, cache.Hits + cache.Misses + cache.Joins);

    private static void WriteAges(PrometheusWriter writer, ModelSample[] models)
    {
        const string Name = "gateway_cache_hit_age_seconds";
        writer.Family(Name, "histogram", "How old the answers of hits were.");
        double[] bounds = CacheCounts.AgeBounds.ToArray();
        foreach (ModelSample model in models)
        {
            writer.Histogram(Name, bounds, model.Cache!.HitAges, model.Cache.HitAgeMilliseconds / 1e3, ("model", model.Name), ("version", model.Version));
        }
    }

    private static void Each(PrometheusWriter writer, ModelSample[] models, string name, string type, string help, Func<CacheCounts, long> value)
    {
        writer.Family(name, type, help);
        foreach (ModelSample model in models) writer.Sample(name, value(model.Cache!), ("model", model.Name), ("version", model.Version));
    }

    private static void Gauge(PrometheusWriter writer, ModelSample[] models, string name, string help, Func<ModelSample, long> value)
    {
        writer.Family(name, "gauge", help);
        foreach (ModelSample model in models) writer.Sample(name, value(model), ("model", model.Name), ("version", model.Version));
    }

    private static void One(PrometheusWriter writer, string name, string type, string help, long value)
    {
        writer.Family(name, type, help);
        writer.Sample(name, value);
    }
}
