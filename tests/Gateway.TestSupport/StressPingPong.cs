using Gateway.Core.Requests;
using Gateway.Core.Scheduling;

namespace Gateway.TestSupport;

/// <summary>Sends the next request in the very moment in which the instance falls idle after the last one.</summary>
/// <remarks>
/// An arrival that finds the lock taken leaves its request to the holder. When the holder is the instance that has just looked and found nothing, and nothing
/// else goes on, nobody would ever come by again: a scheduler that loses such a request stands still here, where a busier run would rescue it.
/// </remarks>
internal sealed class StressPingPong(int seed, StressTally tally)
{
    // Some hundred milliseconds' worth; the window is hit every few thousand times.
    private const int Requests = 20_000;

    // About 4 µs: the instance is idle again well within it.
    private const int MostSpins = 200;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    public async Task RunAsync()
    {
        Random random = new(seed);
        TestModel model = new(new TestModelSetup
        {
            CreateExecutor = (_, pool, time) => new NumberModel(pool, time, seed),
            Policy = new BatchingPolicy { MaxBatchRows = 4, FollowsLatencyCurve = false },
        });
        List<Task> answers = new(Requests);
        for (int i = 1; i <= Requests && tally.Violations.Count == 0; i++)
        {
            InferenceRequest request = model.Request(i);
            Thread.SpinWait(random.Next(MostSpins));
            Task answer = new StressRequest(request, [i], 1, tally).SendAsync();
            answers.Add(answer);

            // Spinning, since a wait would come back only when the instance has long been idle.
            SpinWait spinner = default;
            long began = TimeProvider.System.GetTimestamp();
            while (!answer.IsCompleted && request.State is not RequestState.Released)
            {
                spinner.SpinOnce(sleep1Threshold: -1);
                if (spinner.Count % 1000 == 0 && TimeProvider.System.GetElapsedTime(began) > Patience)
                {
                    tally.Violate($"a lone request was not answered; {model.Batcher.PendingRequests} wait in the queue");
                    return;
                }
            }
        }

        await Task.WhenAll(answers).ConfigureAwait(false);
        await model.DisposeAsync().ConfigureAwait(false);
    }
}
