using Gateway.Core.Caching;
using Gateway.Core.Diagnostics;
using Gateway.Core.Execution;
using Gateway.Core.Features;
using Gateway.Core.Memory;
using Gateway.Core.Models.Configuration;
using Gateway.Core.Models.Repository;
using Gateway.Core.Scheduling;
using Gateway.Core.Scheduling.Resources;

namespace Gateway.Core.Models;

/// <summary>Brings one model version to the point where it can be served.</summary>
/// <remarks><b>Ownership</b>: the loaded version owns its batcher, instances and file; dispose it when it has been stopped.</remarks>
internal sealed class ModelLoader(IExecutionBackend backend, BlockPool pool, TimeProvider time, ResponseCache? cache = null, ProfileCache? profiles = null, FeatureViews? features = null, RateLimiter? limiter = null)
{
    /// <summary>Opens the file and checks the configuration against it.</summary>
    /// <exception cref="ModelLoadException">It cannot be served.</exception>
    public OpenedModel Open(ModelFolder folder, ModelSource source)
    {
        if (source.Declared?.Remote is null && !File.Exists(source.File)) throw new ModelLoadException($"there is no {source.File}");

        // Beside the backend, which reads the same files: of a large model either takes a second or more.
        string version = Path.GetDirectoryName(source.File)!;
        Task<byte[]> files = Task.Run(() => Directory.Exists(version) ? ModelDigest.OfFiles(version) : []);
        ILoadedModel file = backend.Load(source with { FilesDigest = files });
        try
        {
            ModelLayout layout = ModelLayoutBuilder.Build(source, file.Signature);
            folder.Gateway.CheckAgainst(layout.Config);
            byte[] digest = [.. files.GetAwaiter().GetResult(), .. file.Identity];
            return new OpenedModel(source, file, layout, folder.Gateway, digest, ModelDigest.Of(digest, layout));
        }
        catch (Exception error) when (error is ModelConfigException or IOException or UnauthorizedAccessException)
        {
            file.Dispose();
            throw new ModelLoadException(error.Message, error);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Makes the instances, warms them up, profiles them and starts them.</summary>
    /// <param name="opened">Taken over, whatever happens.</param>
    /// <param name="statistics">Counters of the version that it takes the place of; null when there is none.</param>
    /// <exception cref="ModelLoadException">It cannot be served.</exception>
    public LoadedModel Start(OpenedModel opened, ModelStatistics? statistics = null)
    {
        long start = time.GetTimestamp();
        (ModelSource source, ILoadedModel file, ModelLayout layout, GatewayModelConfig gateway, byte[] files, UInt128 digest) = opened;
        List<IModelExecutor> executors = [];
        List<ResourceClaim?> claims = [];
        try
        {
            List<int> groups = [];
            CreateExecutors(file, layout, executors, groups, claims);
            BatchingPolicy policy = BatchingPolicies.For(layout, gateway, time.TimestampFrequency);
            if (layout.IsBatching && policy.AllowedBatchSizes.Count == 0 && executors.All(executor => executor.Placement.PaysForNewSizes))
            {
                policy = policy with { AllowedBatchSizes = DeviceSizes.UpTo(layout.MaxBatchRows, policy.PreferredBatchSizes) };
            }

            DynamicBatcher batcher = new(policy, policy.MakeFormer(time), pool, time, statistics, groups[^1] + 1);
            ServedModel model = new(layout, file.Device, batcher, digest)
            {
                Placements = [.. executors.Select(executor => executor.Placement)],
                Features = features,
                CacheList = gateway.Cache.WarmUp is { } list ? Path.Combine(source.ModelDirectory, list) : null,
            };
            foreach (IModelExecutor executor in executors) ModelWarmer.WarmUp(model, source.ModelDirectory, executor, pool);
            for (int group = 0; group < batcher.Latencies.Count; group++)
            {
                IModelExecutor[] members = [.. executors.Where((_, i) => groups[i] == group)];
                if (members[0].Placement.IsOnDevice) DeviceProfiler.Profile(source, files, layout, policy.AllowedBatchSizes, members, batcher.Latencies[group], time, profiles);
                else ModelWarmer.Profile(layout, policy.AllowedBatchSizes, members[0], batcher.Latencies[group], time);
            }

            if (gateway.Cache.Enable ?? source.Declared?.ResponseCacheEnabled ?? false) cache?.Open(model, gateway.Cache, mac => LoadGeneration.Of(mac, source, model));
            batcher.Start(executors, layout, groups, claims);
            return new LoadedModel(model, file, time.GetElapsedTime(start), FileBytesOf(source), cache);
        }
        catch (Exception error)
        {
            foreach (IModelExecutor executor in executors) executor.Dispose();
            foreach (ResourceClaim? claim in claims) claim?.Dispose();
            file.Dispose();
            if (error is ExecutionException) throw new ModelLoadException($"a first run failed: {error.Message}", error);
            throw;
        }
    }

    private static long FileBytesOf(ModelSource source) =>
        Path.GetDirectoryName(source.File) is { } folder && Directory.Exists(folder) ? FolderWalk.BytesOf(folder) : 0;

    /// <summary>Whether the instances could ever have the resources that they need beside those of the models looked at before.</summary>
    /// <param name="claims">What they claim is added to these.</param>
    /// <exception cref="ModelLoadException">One could not.</exception>
    public void Claim(ModelLayout layout, List<ResourceClaim?> claims)
    {
        foreach ((InstanceGroup group, _) in Placed(layout)) claims.Add(limiter?.Add((layout.Name, layout.Version), group));
    }

    /// <param name="of">The instance group of each.</param>
    /// <param name="claims">What each batch needs beside it; null for nothing.</param>
    private void CreateExecutors(ILoadedModel file, ModelLayout layout, List<IModelExecutor> executors, List<int> of, List<ResourceClaim?> claims)
    {
        (InstanceGroup Group, int Number)[] placed = Placed(layout);
        foreach ((InstanceGroup group, int number) in placed)
        {
            // Before what takes its time: one that can never run is not made.
            claims.Add(limiter?.Add((layout.Name, layout.Version), group));
            executors.AddRange(file.CreateExecutors(layout, group, placed.Length));
            while (of.Count < executors.Count) of.Add(number);
            while (claims.Count < executors.Count) claims.Add(limiter?.Add((layout.Name, layout.Version), group));
        }
    }

    private static (InstanceGroup Group, int Number)[] Placed(ModelLayout layout)
    {
        IReadOnlyList<InstanceGroup> groups = layout.Config.InstanceGroups.Count > 0 ? layout.Config.InstanceGroups : [new InstanceGroup { Kind = InstanceKind.Cpu, Count = 1 }];
        return [.. groups.SelectMany((group, number) => Place(group).Select(each => (each, number)))];
    }

    /// <summary>One group for each instance: on a GPU, for each GPU that is named (the first when none is).</summary>
    private static IEnumerable<InstanceGroup> Place(InstanceGroup group)
    {
        int count = Math.Max(1, group.Count);
        if (group.Kind == InstanceKind.Cpu) return Enumerable.Repeat(group, count);
        IReadOnlyList<int> gpus = group.Gpus.Count > 0 ? group.Gpus : [0];
        return gpus.SelectMany(gpu => Enumerable.Repeat(group with { Gpus = [gpu] }, count));
    }
}
