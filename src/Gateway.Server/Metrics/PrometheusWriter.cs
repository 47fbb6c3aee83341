using System.Buffers;
using System.Buffers.Text;
using System.Text;

namespace Gateway.Server.Metrics;

/// <summary>Writes metrics in Prometheus's text format 0.0.4.</summary>
/// <remarks>
/// <b>Behaviour</b>: a family's header comes once, before all of its samples. Labels are written in the order given, which is to be alphabetical, without
/// spaces; whole numbers without a decimal point: Triton's own tests look for that text. <b>Threading</b>: one thread.
/// </remarks>
internal sealed class PrometheusWriter(IBufferWriter<byte> output)
{
    public void Family(string name, string type, string help)
    {
        Raw("# HELP ");
        Raw(name);
        Raw(" ");
        Raw(help.Replace("\\", @"\\", StringComparison.Ordinal).Replace("\n", @"\n", StringComparison.Ordinal));
        Raw("\n# TYPE ");
        Raw(name);
        Raw(" ");
        Raw(type);
        Raw("\n");
    }

    public void Sample(string name, long value, params ReadOnlySpan<(string Name, string Value)> labels)
    {
        Start(name, "", labels);
        Number(value);
        Raw("\n");
    }

    public void Sample(string name, double value, params ReadOnlySpan<(string Name, string Value)> labels)
    {
        Start(name, "", labels);
        Number(value);
        Raw("\n");
    }

    /// <summary>Writes one histogram; its family's header has been written.</summary>
    /// <param name="counts">Samples of each bucket, not cumulative; one more than the bounds, for what is above the last.</param>
    /// <param name="labels">Labels whose names all sort after <c>le</c>.</param>
    public void Histogram(string name, ReadOnlySpan<double> bounds, ReadOnlySpan<long> counts, double sum, params ReadOnlySpan<(string Name, string Value)> labels)
    {
        (string Name, string Value)[] withBound = [("le", ""), .. labels];
        long cumulative = 0;
        for (int i = 0; i < counts.Length; i++)
        {
            cumulative += counts[i];
            withBound[0] = ("le", i < bounds.Length ? bounds[i].ToString("0.######", System.Globalization.CultureInfo.InvariantCulture) : "+Inf");
            Start(name, "_bucket", withBound);
            Number(cumulative);
            Raw("\n");
        }

        Start(name, "_sum", labels);
        Number(sum);
        Raw("\n");
        Start(name, "_count", labels);
        Number(cumulative);
        Raw("\n");
    }

    private void Start(string name, string suffix, ReadOnlySpan<(string Name, string Value)> labels)
    {
        Raw(name);
        Raw(suffix);
        for (int i = 0; i < labels.Length; i++)
        {
            Raw(i == 0 ? "{" : ",");
            Raw(labels[i].Name);
            Raw("=\"");
            Raw(Escaped(labels[i].Value));
            Raw("\"");
        }

        Raw(labels.IsEmpty ? " " : "} ");
    }

    private static string Escaped(string value) =>
        value.AsSpan().IndexOfAny('\\', '"', '\n') < 0
            ? value
            : value.Replace("\\", @"\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", @"\n", StringComparison.Ordinal);

    private void Raw(string text) => Encoding.UTF8.GetBytes(text, output);

    private void Number(long value)
    {
        Utf8Formatter.TryFormat(value, output.GetSpan(20), out int written);
        output.Advance(written);
    }

    private void Number(double value)
    {
        // 32 bytes hold the longest shortest-round-trip form of a double.
        Utf8Formatter.TryFormat(value, output.GetSpan(32), out int written);
        output.Advance(written);
    }
}
