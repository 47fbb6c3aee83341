using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Protocol.Tensors;
using Gateway.TestSupport;

namespace Gateway.UnitTests.Scheduling;

[CollectionDefinition(nameof(AllocationTests), DisableParallelization = true)]
[Collection(nameof(AllocationTests))]
public sealed class AllocationTests
{
    private const int Clients = 8;
    private const int RequestsEach = 2_500;

    [Theory]
    [InlineData(1, false)]
    [InlineData(-1, false)]
    [InlineData(1, true)]
    public async Task Serving_SteadyState_AllocatesNothingPerRequest(int dimension, bool isOrdered)
    {
        await using TestModel model = new(new TestModelSetup
        {
            CreateExecutor = (_, pool, time) => new NumberModel(pool, time, 1),
            Policy = new BatchingPolicy { MaxBatchRows = 8, FollowsLatencyCurve = false, PreservesOrdering = isOrdered, PreferredBatchSizes = [4, 8], AllowedBatchSizes = [2, 4, 8] },
            Inputs = [TestModelSetup.Tensor("x", DataType.Int64, dimension)],
            Outputs = [TestModelSetup.Tensor("y", DataType.Int64, dimension)],
        });
        await ServeAsync(model);
        await ServeAsync(model);

        long before = GC.GetTotalAllocatedBytes(precise: true);
        await ServeAsync(model);
        long perRequest = (GC.GetTotalAllocatedBytes(precise: true) - before) / (Clients * RequestsEach);

        // The clients' own tasks come to a fraction of a byte; 8 leaves room for a thread-pool queue that grows, and is less than any object.
        Assert.InRange(perRequest, 0, 8);
    }

    private static Task ServeAsync(TestModel model) => Task.WhenAll(Enumerable.Range(0, Clients).Select(client => Task.Run(() => ClientAsync(model, client))));

    private static async Task ClientAsync(TestModel model, int client)
    {
        for (int i = 0; i < RequestsEach; i++)
        {
            InferenceRequest request = model.Request(client);
            await model.Model.InferAsync(request);
            request.Dispose();
        }
    }
}
