using System.Text;
using Gateway.Load;
using Gateway.Load.Arrivals;
using Gateway.Load.Scenarios;
using Gateway.Load.Scenarios.Files;

namespace Gateway.UnitTests.Load.Scenarios;

public class ScenarioFileTests
{
    private const string Good = """
        {
          // Two at once.
          "target": "http://localhost:8000",
          "metrics": "http://localhost:8002/metrics",
          "warmUp": "2s",
          "scenarios": [
            {
              "name": "digits", "model": "digits", "timeoutMs": 50,
              "payloads": { "distinct": 1000, "popularity": "zipf", "exponent": 0.9, "range": { "image": [0, 16] } },
              "loadSimulations": [
                { "type": "RampingInject", "rate": 200, "during": "10s" },
                { "type": "Inject", "rate": 20, "interval": "100ms", "during": "30s", "arrivals": "burst", "burst": 5 },
                { "type": "Pause", "during": 5 }
              ],
              "retries": { "attempts": 2, "budget": 0.2 },
              "thresholds": ["p99 < 50ms"]
            },
            {
              "name": "texts", "target": "frames://localhost", "window": 32,
              "steps": [ { "model": "language", "payloads": { "rows": 4 } }, { "model": "wine" } ],
              "loadSimulations": [ { "type": "KeepConstant", "copies": 8, "during": "1m" } ],
            },
          ],
          "thresholds": ["errors < 1%"]
        }
        """;

    [Fact]
    public void Parse_Good_ReadsAllOfIt()
    {
        LoadPlan plan = Parse(Good);

        Assert.Equal(2, plan.Scenarios.Count);
        ScenarioPlan digits = plan.Scenarios[0];
        Assert.Equal("http-binary", digits.Carrier.Name);
        Assert.Equal(2, digits.WarmUpSeconds);
        Assert.Equal(200, digits.HighestRate);
        Assert.Equal(45, digits.Seconds);
        Assert.Equal(0.9, digits.Steps[0].Payloads.ZipfExponent);
        Assert.Equal((0, 16), digits.Steps[0].Payloads.Ranges["image"]);
        Assert.Equal(ArrivalKind.Burst, digits.Simulations[1].Arrivals);
        Assert.Equal(["p99 < 50ms", "errors < 1%"], digits.Thresholds.Select(threshold => threshold.Text));
        ScenarioPlan texts = plan.Scenarios[1];
        Assert.Equal("frames", texts.Carrier.Name);
        Assert.Equal(8003, texts.Target.Port);
        Assert.Equal(["language", "wine"], texts.Steps.Select(step => step.Model));
        Assert.Equal(8, texts.Simulations[0].Copies);
    }

    [Theory]
    [InlineData("https://localhost", "http-binary", 8000)]
    [InlineData("tls://localhost", "frames", 8003)]
    [InlineData("grpc://localhost", "grpc", 8001)]
    [InlineData("grpcs://localhost:9", "grpc", 9)]
    public void Parse_Address_HasItsCarrierAndPort(string target, string carrier, int port)
    {
        ScenarioPlan plan = Parse($$"""{"target":"{{target}}","scenarios":[{"model":"m","insecure":true,"loadSimulations":[{"type":"Inject","rate":1,"during":"1s"}]}]}""").Scenarios[0];

        Assert.Equal((carrier, port, !target.StartsWith("grpc:", StringComparison.Ordinal), true), (plan.Carrier.Name, plan.Target.Port, plan.Target.IsTls, plan.IsInsecure));
        Assert.StartsWith(target, plan.Target.ToString());
    }

    [Fact]
    public void Parse_TraceOfArrivalsAndInputs_IsReadOnce()
    {
        string trace = Path.GetTempFileName();
        File.WriteAllText(trace, """{"at":1,"inputs":[{"name":"x","datatype":"INT64","shape":[1],"data":[5]}]}""");

        ScenarioPlan plan = Parse($$"""{"target":"http://x","scenarios":[{"model":"m","payloads":{"trace":"{{trace}}"},"loadSimulations":[{"type":"Replay","file":"{{trace}}"}]}]}""").Scenarios[0];

        Assert.Same(plan.Simulations[0].Times, plan.Steps[0].Payloads.Trace!.Times);
        File.Delete(trace);
    }

    [Fact]
    public void Parse_EqualScenarios_ShareNoInstantButWhatTheyAskFor()
    {
        LoadPlan plan = Two();

        Assert.Empty(Arrivals(plan.Scenarios[0]).Intersect(Arrivals(plan.Scenarios[1])));
        Assert.Equal(plan.Scenarios[0].PayloadSeed, plan.Scenarios[1].PayloadSeed);

        // The same file is the same load, and a scenario's own seed is what it says.
        Assert.Equal(plan.Scenarios.Select(scenario => scenario.Seed), Two().Scenarios.Select(scenario => scenario.Seed));
        Assert.Equal(7, plan.Scenarios[2].Seed);

        static LoadPlan Two()
        {
            const string Load = """, "model": "m", "loadSimulations": [ { "type": "Inject", "rate": 200, "during": "10s" } ]""";
            return Parse($$"""{ "target": "http://x", "seed": 7, "scenarios": [ { "name": "a"{{Load}} }, { "name": "b"{{Load}} }, { "name": "c", "seed": 7{{Load}} } ] }""");
        }

        static List<double> Arrivals(ScenarioPlan scenario)
        {
            ArrivalStream arrivals = new(scenario.Simulations, scenario.Seed);
            List<double> times = [];
            while (arrivals.Next() is var due && !double.IsInfinity(due)) times.Add(due);
            return times;
        }
    }

    [Theory]
    [InlineData("\"rate\": 200, \"during\": \"10s\"", "\"rate\": \"fast\", \"during\": \"10s\"", "file.json:11: scenarios[0].loadSimulations[0].rate: must be a number")]
    [InlineData("\"RampingInject\"", "\"Ramp\"", "file.json:11: scenarios[0].loadSimulations[0].type: must be one of")]
    [InlineData("\"during\": \"30s\"", "\"during\": \"soon\"", "file.json:12: scenarios[0].loadSimulations[1].during: must be a duration")]
    [InlineData("\"copies\": 8", "\"rate\": 8", "file.json:21: scenarios[1].loadSimulations[0].copies: is missing")]
    [InlineData("\"popularity\": \"zipf\"", "\"popularity\": \"some\"", "file.json:9: scenarios[0].payloads.popularity: must be uniform or zipf")]
    [InlineData("\"p99 < 50ms\"", "\"p99 ~ 50ms\"", "file.json:16: scenarios[0].thresholds[0]: threshold 'p99 ~ 50ms'")]
    [InlineData("\"timeoutMs\"", "\"timeoutMS\"", "file.json:8: scenarios[0].timeoutMS: is not known here")]
    [InlineData("frames://localhost", "gopher://localhost", "file.json:19: scenarios[1].target: nothing speaks gopher://")]
    [InlineData("\"timeoutMs\": 50", "\"headers\": [\"none\"]", "file.json:8: scenarios[0].headers: are lines of the form")]
    [InlineData("\"warmUp\": \"2s\"", "\"warmUp\": \"2m\"", "scenarios[0].warmUp: is as long as all simulations")]
    [InlineData("\"http://localhost:8002/metrics\"", "\"localhost:8002/metrics\"", "file.json:4: metrics: is no address of http:// or https://")]
    [InlineData("\"timeoutMs\": 50", "\"requestTimeout\": 0", "file.json:8: scenarios[0].requestTimeout: must be above 0")]
    [InlineData("\"interval\": \"100ms\"", "\"interval\": \"1us\"", "file.json:12: scenarios[0].loadSimulations[1].rate: is 20000000 a second, more than 10000000")]
    [InlineData("\"window\": 32", "\"window\": 0", "file.json:19: scenarios[1].window: must be a number from 1")]
    [InlineData("\"name\": \"texts\"", "\"name\": \"digits\"", "file.json:6: scenarios: two have the same name")]
    [InlineData("\"timeoutMs\": 50,", "\"timeoutMs\": 50", "file.json:9: ")]
    public void Parse_OneMistake_SaysWhere(string good, string bad, string message)
    {
        Assert.Contains(good, Good);

        LoadException exception = Assert.Throws<LoadException>(() => Parse(Good.Replace(good, bad)));

        Assert.Equal(ExitCode.BadSettings, exception.ExitCode);
        Assert.Contains(message, exception.Message);
    }

    [Fact]
    public void Parse_SeveralMistakes_SaysAll()
    {
        LoadException exception = Assert.Throws<LoadException>(() => Parse(Good.Replace("\"10s\"", "\"?\"").Replace("\"copies\": 8", "\"copies\": -8")));

        Assert.True(exception.Message.Split('\n').Length >= 2);
    }

    [Fact]
    public void Parse_AnythingElse_IsRefusedAndNothingWorse()
    {
        Random random = new(8);
        byte[] good = Encoding.UTF8.GetBytes(Good);
        for (int i = 0; i < 3000; i++)
        {
            byte[] bad = [.. good];
            for (int j = random.Next(1, 6); j > 0; j--) bad[random.Next(bad.Length)] = (byte)random.Next(256);
            if (random.Next(4) == 0) bad = bad[..random.Next(bad.Length)];
            try
            {
                ScenarioFile.Parse(bad, "file.json");
            }
            catch (LoadException exception)
            {
                Assert.Equal(ExitCode.BadSettings, exception.ExitCode);
            }
        }
    }

    private static LoadPlan Parse(string text) => ScenarioFile.Parse(Encoding.UTF8.GetBytes(text), "file.json");
}
