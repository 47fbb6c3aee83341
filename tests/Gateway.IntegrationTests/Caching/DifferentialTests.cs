namespace Gateway.IntegrationTests.Caching;

/// <summary>With the cache and without, in every protocol, from the model and from the entry, whoever asked first.</summary>
public sealed class DifferentialTests
{
    [Fact]
    public async Task SampleModels_CacheOnAndOff_SameBytesInEveryProtocolFromOneEntry()
    {
        using CachedRepository repository = new();
        await using GatewayProcess plain = await GatewayProcess.ServeAsync();
        await using GatewayProcess cached = await GatewayProcess.ServeAsync("--model-repository", repository.Path);
        await using Asker without = new(plain);
        await using Asker with = new(cached);
        int protocols = Asker.Protocols.Count;
        for (int number = 0; number < protocols; number++)
        {
            foreach (Question question in Question.Samples(number))
            {
                long hits = await with.MetricAsync("nv_cache_num_hits_per_model", question.Model);
                long misses = await with.MetricAsync("nv_cache_num_misses_per_model", question.Model);

                // Each protocol is once the first to ask.
                for (int i = 0; i < 2 * protocols; i++)
                {
                    string protocol = Asker.Protocols[(number + i) % protocols];
                    byte[] expected = await without.AskAsync(protocol, question);
                    byte[] actual = await with.AskAsync(protocol, question);
                    Assert.True(expected.AsSpan().SequenceEqual(actual), $"{question.Model} over {protocol}, asked for {i} times before");
                }

                Assert.Equal(hits + (2 * protocols) - 1, await with.MetricAsync("nv_cache_num_hits_per_model", question.Model));
                Assert.Equal(misses + 1, await with.MetricAsync("nv_cache_num_misses_per_model", question.Model));
            }
        }
    }
}
