using System.Globalization;
using System.Text.RegularExpressions;

namespace Gateway.UnitTests.Metrics;

/// <summary>A strict reader of Prometheus's text format 0.0.4: what a scraper might forgive is an error here.</summary>
internal sealed partial class PrometheusText
{
    private readonly Dictionary<string, string> _types = [];
    private readonly Dictionary<string, string> _helps = [];
    private readonly Dictionary<string, double> _samples = [];
    private readonly List<(string Name, SortedDictionary<string, string> Labels, double Value)> _list = [];

    private PrometheusText()
    {
    }

    public IReadOnlyDictionary<string, string> Types => _types;

    public IReadOnlyDictionary<string, string> Helps => _helps;

    /// <summary>A sample by its whole text before the value, such as <c>nv_inference_count{model="m",version="1"}</c>.</summary>
    public double this[string sample] => _samples[sample];

    public bool Has(string sample) => _samples.ContainsKey(sample);

    public static PrometheusText Parse(string text)
    {
        PrometheusText parsed = new();
        Assert.EndsWith("\n", text, StringComparison.Ordinal);
        string family = "";
        foreach (string line in text.Split('\n')[..^1])
        {
            if (Header().Match(line) is { Success: true } header)
            {
                string name = header.Groups["name"].Value;
                Dictionary<string, string> into = header.Groups["kind"].Value == "HELP" ? parsed._helps : parsed._types;
                Assert.True(into.TryAdd(name, header.Groups["text"].Value), $"twice: {line}");
                Assert.True(header.Groups["kind"].Value == "HELP" || name == family, $"TYPE without its HELP before it: {line}");
                family = name;
                continue;
            }

            Match sample = Sample().Match(line);
            Assert.True(sample.Success, $"not a sample: {line}");
            parsed.Add(line, family, sample);
        }

        parsed.CheckTypes();
        parsed.CheckHistograms();
        return parsed;
    }

    private void Add(string line, string family, Match sample)
    {
        string name = sample.Groups["name"].Value;
        string suffix = _types.GetValueOrDefault(family) == "histogram" ? Suffix().Match(name).Value : "";
        Assert.True(name == family + suffix, $"outside of its family: {line}");
        SortedDictionary<string, string> labels = new(StringComparer.Ordinal);
        CaptureCollection names = sample.Groups["label"].Captures;
        for (int i = 0; i < names.Count; i++) Assert.True(labels.TryAdd(names[i].Value, sample.Groups["text"].Captures[i].Value), $"label twice: {line}");
        Assert.True(labels.Keys.SequenceEqual(names.Select(each => each.Value)), $"labels out of order: {line}");
        double value = double.Parse(sample.Groups["value"].Value, CultureInfo.InvariantCulture);
        Assert.True(_samples.TryAdd(line[..line.LastIndexOf(' ')], value), $"sample twice: {line}");
        _list.Add((name, labels, value));
    }

    private void CheckTypes()
    {
        Assert.Equal(_helps.Keys.Order(), _types.Keys.Order());
        Assert.All(_types.Values, type => Assert.Contains(type, new[] { "counter", "gauge", "histogram" }));
        Assert.All(_helps, help => Assert.NotEqual("", help.Value));
    }

    private void CheckHistograms()
    {
        foreach (string family in _types.Where(type => type.Value == "histogram").Select(type => type.Key))
        {
            foreach (var series in _list.Where(sample => sample.Name == family + "_bucket").GroupBy(sample => string.Join(',', sample.Labels.Where(label => label.Key != "le"))))
            {
                double[] bounds = [.. series.Select(bucket => bucket.Labels["le"] == "+Inf" ? double.PositiveInfinity : double.Parse(bucket.Labels["le"], CultureInfo.InvariantCulture))];
                double[] counts = [.. series.Select(bucket => bucket.Value)];
                Assert.Equal(bounds.Order().Distinct(), bounds);
                Assert.Equal(counts.Order(), counts);
                Assert.Equal(double.PositiveInfinity, bounds[^1]);
                Assert.Equal(counts[^1], Assert.Single(_list, sample => sample.Name == family + "_count" && string.Join(',', sample.Labels) == series.Key).Value);
                Assert.Single(_list, sample => sample.Name == family + "_sum" && string.Join(',', sample.Labels) == series.Key);
            }
        }
    }

    [GeneratedRegex(@"^# (?<kind>HELP|TYPE) (?<name>[a-zA-Z_:][a-zA-Z0-9_:]*) (?<text>.*)$")]
    private static partial Regex Header();

    [GeneratedRegex(@"^(?<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(\{((?<label>[a-zA-Z_][a-zA-Z0-9_]*)=""(?<text>([^\\""\n]|\\[\\""n])*)""(,(?=[a-z])|(?=\})))+\})? (?<value>[0-9.eE+-]+|NaN|[+-]Inf)$")]
    private static partial Regex Sample();

    [GeneratedRegex("(_bucket|_sum|_count)$")]
    private static partial Regex Suffix();
}
