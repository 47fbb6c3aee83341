using System.Diagnostics;

namespace Gateway.Server.Metrics;

/// <summary>The process itself: when it started, what it uses, and the garbage collector, under the names that Prometheus's own clients use.</summary>
internal static class ProcessFamilies
{
    public static void Write(PrometheusWriter writer)
    {
        using Process process = Process.GetCurrentProcess();
        Single(writer, "process_start_time_seconds", "gauge", "Start time of the process since unix epoch in seconds.", (process.StartTime.ToUniversalTime() - DateTime.UnixEpoch).TotalSeconds);
        Single(writer, "process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds.", process.TotalProcessorTime.TotalSeconds);
        Single(writer, "process_resident_memory_bytes", "gauge", "Resident memory size in bytes.", process.WorkingSet64);
        Single(writer, "process_num_threads", "gauge", "Number of threads.", process.Threads.Count);

        const string Collections = "gateway_gc_collections_total";
        writer.Family(Collections, "counter", "Garbage collections, by the oldest generation collected.");
        for (int generation = 0; generation <= GC.MaxGeneration; generation++)
        {
            // The runtime counts a collection of an old generation as one of the younger ones too.
            int younger = generation < GC.MaxGeneration ? GC.CollectionCount(generation + 1) : 0;
            writer.Sample(Collections, GC.CollectionCount(generation) - younger, ("generation", generation.ToString(System.Globalization.CultureInfo.InvariantCulture)));
        }

        Single(writer, "gateway_gc_allocated_bytes_total", "counter", "Managed memory allocated since the start.", GC.GetTotalAllocatedBytes());
        Single(writer, "gateway_gc_heap_bytes", "gauge", "Managed memory in use, collectable memory included.", GC.GetTotalMemory(forceFullCollection: false));
        Single(writer, "gateway_gc_pause_seconds_total", "counter", "Time that all threads were stopped for the garbage collector.", GC.GetTotalPauseDuration().TotalSeconds);
    }

    private static void Single(PrometheusWriter writer, string name, string type, string help, double value)
    {
        writer.Family(name, type, help);
        if (value == Math.Floor(value) && Math.Abs(value) < 1L << 53) writer.Sample(name, (long)value);
        else writer.Sample(name, value);
    }
}
