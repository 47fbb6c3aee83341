using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Core.Models;
using Gateway.Core.Models.Configuration;
using Gateway.Core.Requests;
using Gateway.Core.Scheduling;
using Gateway.Protocol.Tensors;
using Gateway.TestSupport;

namespace Gateway.UnitTests.Hosting;

/// <summary>Makes a served model of one FP32 in and one out whose run is a delegate.</summary>
internal static class TestModels
{
    public static (ServedModel Model, DynamicBatcher Batcher) Make(string name, BlockPool pool, BatchingPolicy policy, Action<Batch> run)
    {
        TensorSpec spec = new("x", DataType.Fp32, [1], [1], []);
        ModelLayout layout = new(name, 1, new ModelConfig { Name = name, MaxBatchSize = policy.MaxBatchRows }, [spec], [new TensorSpec("y", DataType.Fp32, [1], [1], [])]);
        DynamicBatcher batcher = new(policy, policy.MakeFormer(TimeProvider.System), pool, TimeProvider.System);
        batcher.Start([new FunctionExecutor(layout, pool, TimeProvider.System, (batch, _, _) => run(batch))], layout);
        return (new ServedModel(layout, "CPU, 1 thread", batcher), batcher);
    }

    public static ModelStatus Ready(ServedModel model) => new(model.Name, model.Version, ModelState.Ready, "", model, TimeSpan.FromMilliseconds(1500));

    /// <summary>Sends one request of some rows, and gives its text when it failed.</summary>
    public static async Task<string?> InferAsync(ServedModel model, BlockPool pool, int rows)
    {
        using InferenceRequest request = model.RentRequest();
        Assert.True(pool.TryRent(4 * rows, BlockOwner.RequestTensors, out MemoryBlock? block));
        request.Block = block;
        request.Inputs[0] = new InputTensor { DataType = DataType.Fp32, Shape = new TensorShape([rows, 1]), Offset = 0, ByteLength = 4 * rows };
        await model.InferAsync(request);
        return request.Error;
    }
}
