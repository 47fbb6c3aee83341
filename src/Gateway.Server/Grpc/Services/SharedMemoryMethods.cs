using Gateway.Core.Memory.Shared;
using Gateway.Core.Memory.Shared.Cuda;
using Gateway.Server.Grpc.Messages;
using Gateway.Server.OpenInference;
using Google.Protobuf;
using Microsoft.Extensions.Logging;
using CudaStatus = Gateway.Server.Grpc.Messages.CudaSharedMemoryStatusResponse.Types.RegionStatus;
using SystemStatus = Gateway.Server.Grpc.Messages.SystemSharedMemoryStatusResponse.Types.RegionStatus;

namespace Gateway.Server.Grpc.Services;

/// <summary>The methods of the shared memory extensions, that of the system and that of CUDA.</summary>
internal static class SharedMemoryMethods
{
    public static IEnumerable<GrpcMethod> Make(SharedRegions regions, ILogger logger)
    {
        SharedFamilies families = new(regions);
        yield return Of("SystemSharedMemoryStatus", SystemSharedMemoryStatusRequest.Parser, request => Status(families.System(request.Name)), logger);
        yield return Of(
            "SystemSharedMemoryRegister",
            SystemSharedMemoryRegisterRequest.Parser,
            request =>
            {
                regions.Register(request.Name, request.Key, request.Offset, request.ByteSize);
                return new SystemSharedMemoryRegisterResponse();
            },
            logger);
        yield return Of(
            "SystemSharedMemoryUnregister",
            SystemSharedMemoryUnregisterRequest.Parser,
            request =>
            {
                families.Unregister<SystemRegion>(request.Name);
                return new SystemSharedMemoryUnregisterResponse();
            },
            logger);
        yield return Of("CudaSharedMemoryStatus", CudaSharedMemoryStatusRequest.Parser, request => Status(families.Cuda(request.Name)), logger);
        yield return Of(
            "CudaSharedMemoryRegister",
            CudaSharedMemoryRegisterRequest.Parser,
            request =>
            {
                regions.RegisterCuda(request.Name, request.RawHandle.Span, request.DeviceId, request.ByteSize);
                return new CudaSharedMemoryRegisterResponse();
            },
            logger);
        yield return Of(
            "CudaSharedMemoryUnregister",
            CudaSharedMemoryUnregisterRequest.Parser,
            request =>
            {
                families.Unregister<CudaRegion>(request.Name);
                return new CudaSharedMemoryUnregisterResponse();
            },
            logger);
    }

    private static SystemSharedMemoryStatusResponse Status(IReadOnlyList<SystemRegion> regions)
    {
        SystemSharedMemoryStatusResponse response = new();
        foreach (SystemRegion region in regions)
        {
            response.Regions[region.Name] = new SystemStatus { Name = region.Name, Key = region.Key, Offset = (ulong)region.Offset, ByteSize = (ulong)region.Bytes };
        }

        return response;
    }

    private static CudaSharedMemoryStatusResponse Status(IReadOnlyList<CudaRegion> regions)
    {
        CudaSharedMemoryStatusResponse response = new();
        foreach (CudaRegion region in regions) response.Regions[region.Name] = new CudaStatus { Name = region.Name, DeviceId = (ulong)region.DeviceId, ByteSize = (ulong)region.Bytes };
        return response;
    }

    private static UnaryMethod<TRequest, TResponse> Of<TRequest, TResponse>(string method, MessageParser<TRequest> parser, Func<TRequest, TResponse> answer, ILogger logger)
        where TRequest : IMessage<TRequest>
        where TResponse : IMessage<TResponse> => new(InferenceService.Path(method), parser, answer, logger);
}
