using System.Text;
using Gateway.IntegrationTests.Overflow;

namespace Gateway.IntegrationTests.Caching;

/// <summary>The same asked at the same time over every protocol.</summary>
public sealed class SingleFlightTests
{
    [Fact]
    public async Task InFlightTogether_OverEveryProtocol_RunOnceForAll()
    {
        using TimedRepository repository = new(objectiveMilliseconds: 0, cache: """{"enable": true}""", runMilliseconds: 1000);
        await using GatewayProcess server = await GatewayProcess.ServeTimedAsync("--model-repository", repository.Folder);
        await using Asker asker = new(server);
        int protocols = Asker.Protocols.Count;
        long mostJoined = 0;

        // On a machine that stalls some may come only when the run is over; then they are hits, and it is tried again.
        for (int number = 0; mostJoined < protocols - 1 && number < 10; number++)
        {
            Question question = new("timed", [new("x", "INT64", [1, 1], [1000L + number])]);
            long[] before = await CountsAsync(asker);
            byte[][] together = await Task.WhenAll(Enumerable.Range(0, protocols).Select(i => asker.AskAsync(Asker.Protocols[(number + i) % protocols], question)));
            long[] after = await CountsAsync(asker);
            long[] added = [.. after.Zip(before, (now, then) => now - then)];
            Assert.Equal((1, 1), (added[0], added[1]));
            Assert.Equal(protocols - 1, added[2] + added[3]);
            mostJoined = Math.Max(mostJoined, added[2]);
            for (int i = 0; i < protocols; i++)
            {
                string protocol = Asker.Protocols[(number + i) % protocols];
                Assert.True(HasAnswer(together[i], 1001 + number), protocol);
                Assert.Equal(await asker.AskAsync(protocol, question), together[i]);
            }
        }

        Assert.Equal(protocols - 1, mostJoined);
    }

    /// <summary>Runs, misses, joins, hits.</summary>
    private static Task<long[]> CountsAsync(Asker asker) => Task.WhenAll(
        new[] { "nv_inference_exec_count", "nv_cache_num_misses_per_model", "gateway_cache_joins_total", "nv_cache_num_hits_per_model" }.Select(name => asker.MetricAsync(name, "timed")));

    /// <summary>Whether an answer has a number in it, as text or as it is.</summary>
    private static bool HasAnswer(byte[] answer, long number) =>
        answer.AsSpan().IndexOf(BitConverter.GetBytes(number)) >= 0 || answer.AsSpan().IndexOf(Encoding.UTF8.GetBytes($"[{number}]")) >= 0;
}
