using Gateway.Load.Results;
using Gateway.Load.Tuning;

namespace Gateway.UnitTests.Load.Tuning;

public class TuneSettingTests
{
    private static readonly string Digits = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "config", "model-repository", "digits", "config.pbtxt"));

    [Fact]
    public void Apply_AllSettings_ReplacesThemAndKeepsTheRest()
    {
        string config = new TuneSetting(500, 16, 2, 1).Apply(Digits);

        Assert.Equal(1, Count(config, "max_batch_size"));
        Assert.Contains("max_batch_size: 16", config);
        Assert.Equal(1, Count(config, "dynamic_batching"));
        Assert.Contains("max_queue_delay_microseconds: 500", config);
        Assert.Equal(1, Count(config, "instance_group"));
        Assert.Contains("count: 2", config);
        Assert.Contains("key: \"intra_op_thread_count\"", config);
        Assert.Contains("model_warmup", config);
        Assert.StartsWith(Digits[..Digits.IndexOf("max_batch_size", StringComparison.Ordinal)], config);
    }

    [Fact]
    public void Apply_Nothing_ChangesNothing() => Assert.Equal(Digits.TrimEnd() + "\n", new TuneSetting(null, null, null, null).Apply(Digits));

    [Theory]
    [InlineData("dynamic_batching { }\n", "dynamic_batching { max_queue_delay_microseconds: 7 }\n")]
    [InlineData("dynamic_batching {}", "dynamic_batching { max_queue_delay_microseconds: 7 }\n")]
    [InlineData("dynamic_batching: { preferred_batch_size: [ 4, 8 ] }\n", "dynamic_batching: { max_queue_delay_microseconds: 7 preferred_batch_size: [ 4, 8 ] }\n")]
    [InlineData("dynamic_batching < max_queue_delay_microseconds: 1 >\n", "dynamic_batching < max_queue_delay_microseconds: 7 >\n")]
    [InlineData("dynamic_batching { # a {\n  # why\n  max_queue_delay_microseconds: 100 # not }\n  default_queue_policy { max_queue_size: 3 }\n}\nname: \"x\"\n", "dynamic_batching { # a {\n  # why\n  max_queue_delay_microseconds: 7 # not }\n  default_queue_policy { max_queue_size: 3 }\n}\nname: \"x\"\n")]
    [InlineData("dynamic_batching # { }\n{\n  preserve_ordering: true\n}\n", "dynamic_batching # { }\n{\n  max_queue_delay_microseconds: 7\n  preserve_ordering: true\n}\n")]
    [InlineData("name: \"dynamic_batching { }\"\n", "name: \"dynamic_batching { }\"\ndynamic_batching {\n  max_queue_delay_microseconds: 7\n}\n")]
    public void Apply_Delay_ChangesTheFieldAndKeepsTheBlock(string config, string expected) => Assert.Equal(expected, new TuneSetting(7, null, null, null).Apply(config));

    [Theory]
    [InlineData("instance_group [ { kind: KIND_GPU count: 1 gpus: [ 0, 1 ] } ]\n", "instance_group [ { kind: KIND_GPU count: 3 gpus: [ 0, 1 ] } ]\n")]
    [InlineData("instance_group {\n  kind: KIND_GPU # the first\n}\nname: \"x\"\n", "instance_group {\n  count: 3\n  kind: KIND_GPU # the first\n}\nname: \"x\"\n")]
    [InlineData("instance_group [ { count: 1 gpus: [ 0 ] }, { count: 2 kind: KIND_CPU } ]\n", "instance_group [ { count: 3 gpus: [ 0 ] }, { count: 3 kind: KIND_CPU } ]\n")]
    [InlineData("instance_group []\n", "\ninstance_group [\n  {\n    kind: KIND_CPU\n    count: 3\n  }\n]\n")]
    [InlineData("name: \"x\"\n", "name: \"x\"\ninstance_group [\n  {\n    kind: KIND_CPU\n    count: 3\n  }\n]\n")]
    public void Apply_Instances_ChangesTheirNumberAndKeepsTheirDevice(string config, string expected) => Assert.Equal(expected, new TuneSetting(null, null, 3, null).Apply(config));

    [Fact]
    public void Apply_StringsAndCommentsWithBraces_AreNotTakenForFields()
    {
        const string Config = "name: \"a } { max_batch_size: 3\" # { not a field\nmax_batch_size: 8\nparameters { key: 'intra_op_thread_count' value { string_value: \"\\\"}\" } }\nbackend: \"x\"\n";

        Assert.Equal("name: \"a } { max_batch_size: 3\" # { not a field\n\n\nbackend: \"x\"\nmax_batch_size: 4\nparameters {\n  key: \"intra_op_thread_count\"\n  value { string_value: \"2\" }\n}\n", new TuneSetting(null, 4, null, 2).Apply(Config));
    }

    [Fact]
    public void Apply_RandomText_IsAFormatExceptionOrText()
    {
        Random random = new(5);
        for (int i = 0; i < 3000; i++)
        {
            char[] text = Digits.ToCharArray();
            for (int j = random.Next(8); j >= 0; j--) text[random.Next(text.Length)] = (char)random.Next(32, 127);
            try
            {
                new TuneSetting(1, 1, 1, 1).Apply(new string(text));
            }
            catch (FormatException)
            {
                // A result too.
            }
        }
    }

    [Fact]
    public void All_Lists_AreCombinedAndEmptyOnesLeftAlone()
    {
        IReadOnlyList<TuneSetting> all = TuneSetting.All([0, 500], [8, 16, 32], [], [1]);

        Assert.Equal(6, all.Count);
        Assert.All(all, setting => Assert.Null(setting.Instances));
        Assert.Equal("delay 0 µs, batch 8, 1 thread", $"{all[0]}");
    }

    [Fact]
    public void Mark_Points_KeepsThoseThatNoOtherBeats()
    {
        IReadOnlyList<TunePoint> marked = ParetoFront.Mark([Point("fast", 100, 10), Point("quick", 50, 2), Point("neither", 50, 5), Point("worst", 10, 20), Point("broken", 0, 0) with { Problem = "x" }]);

        Assert.Equal(["fast", "quick"], marked.Where(point => point.IsBest).Select(point => point.Name));
        Assert.DoesNotContain(marked, point => point.IsAsGood);
    }

    [Fact]
    public void Mark_PassesThatOverlap_AreAsGoodAsTheFront()
    {
        // Its median is behind in both, its best pass in neither; the next is behind in throughput in every pass; the last one missed calls.
        TunePoint near = Point("near", 98, 11) with { ThroughputMost = 101, P99LeastMilliseconds = 9.5 };
        IReadOnlyList<TunePoint> marked = ParetoFront.Mark([Point("fast", 100, 10), near, near with { Name = "slower", ThroughputMost = 99 }, near with { Name = "misses", MissShare = 0.02 }]);

        Assert.Equal(["fast"], marked.Where(point => point.IsBest).Select(point => point.Name));
        Assert.Equal(["near"], marked.Where(point => point.IsAsGood).Select(point => point.Name));
    }

    private static TunePoint Point(string name, double throughput, double p99) =>
        new(name, throughput, p99 / 2, p99, false, "", null) { ThroughputLeast = throughput, ThroughputMost = throughput, P99LeastMilliseconds = p99, P99MostMilliseconds = p99 };

    private static int Count(string text, string word) => text.Split(word).Length - 1;
}
