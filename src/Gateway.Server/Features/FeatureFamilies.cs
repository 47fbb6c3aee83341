using Gateway.Core.Features;
using Gateway.Server.Metrics;

namespace Gateway.Server.Features;

/// <summary>The metrics of feature views.</summary>
internal sealed class FeatureFamilies(FeatureViews views) : IMetricFamilies
{
    public void Write(PrometheusWriter writer)
    {
        if (views.All.Count == 0) return;
        Each(writer, "gateway_feature_view_state", "gauge", "Whether a feature view can be used: 0 loading, 1 ready, 2 unavailable.", static view => (long)view.State);
        OfUsage(writer, "gateway_feature_rows", "Rows of a feature view, those included whose time is over until their room is taken back.", static usage => usage.Rows);
        OfUsage(writer, "gateway_feature_bytes", "Bytes that a feature view's rows take, with what is kept of each.", static usage => usage.RowBytes);
        OfUsage(writer, "gateway_feature_log_bytes", "Bytes of a feature view's log: rows, and what has been replaced or deleted and not yet been cleared away.", static usage => usage.LogBytes);
        OfUsage(writer, "gateway_feature_memory_bytes", "Bytes of a feature view's log that are in memory.", static usage => usage.MemoryBytes);
        OfUsage(writer, "gateway_feature_capacity_bytes", "Most bytes that a feature view's log may have.", static usage => usage.Capacity);
        Each(writer, "gateway_feature_spilled_bytes_total", "counter", "Bytes written to a feature view's disk.", static view => view.Usage()?.SpilledBytes ?? 0);
        Each(writer, "gateway_feature_lookups_total", "counter", "Keys looked up in a feature view.", static view => view.Counts.Hits + view.Counts.Misses);
        Each(writer, "gateway_feature_hits_total", "counter", "Keys looked up that had a row.", static view => view.Counts.Hits);
        Each(writer, "gateway_feature_misses_total", "counter", "Keys looked up that had none.", static view => view.Counts.Misses);
        Each(writer, "gateway_feature_spill_reads_total", "counter", "Keys for which the disk was read.", static view => view.Counts.DiskReads);
        Each(writer, "gateway_feature_unreadable_total", "counter", "Keys whose row could not be read.", static view => view.Counts.Unreadable);
        Each(writer, "gateway_feature_created_total", "counter", "Rows put for keys that had none.", static view => view.Counts.Created);
        Each(writer, "gateway_feature_replaced_total", "counter", "Rows put in the place of others.", static view => view.Counts.Replaced);
        Each(writer, "gateway_feature_deleted_total", "counter", "Rows deleted.", static view => view.Counts.Deleted);
        Each(writer, "gateway_feature_expired_total", "counter", "Rows whose time was over and whose room was taken back.", static view => view.Counts.Expired);
        Each(writer, "gateway_feature_loads_total", "counter", "Files loaded at the start.", static view => view.Counts.Loads);
        Each(writer, "gateway_feature_loaded_rows_total", "counter", "Rows of those files.", static view => view.Counts.LoadedRows);
    }

    private void Each(PrometheusWriter writer, string name, string type, string help, Func<FeatureView, long> value)
    {
        writer.Family(name, type, help);
        foreach (FeatureView view in views.All) writer.Sample(name, value(view), ("view", view.Name));
    }

    private void OfUsage(PrometheusWriter writer, string name, string help, Func<FeatureUsage, long> value)
    {
        writer.Family(name, "gauge", help);
        foreach (FeatureView view in views.All)
        {
            if (view.Usage() is { } usage) writer.Sample(name, value(usage), ("view", view.Name));
        }
    }
}
