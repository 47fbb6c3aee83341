using System.Runtime.InteropServices;

using Gateway.OnnxRuntime.Errors;
using Gateway.OnnxRuntime.Values;

namespace Gateway.OnnxRuntime.Native;

/// <summary>ONNX Runtime's table of functions, as its C header lays it out.</summary>
/// <remarks>
/// Each field stands at its function's position in <c>OrtApi</c>; the table only ever grows at its end, so a position never changes.
/// Objects are <see langword="nint"/>; a final <see langword="nint"/> result is an <c>OrtStatus*</c>, zero for success, and goes to
/// <see cref="OrtStatus.Check"/>. Paths are UTF-16 on Windows and UTF-8 elsewhere, all other text UTF-8 with a final zero.
/// </remarks>
[StructLayout(LayoutKind.Explicit)]
internal readonly unsafe struct OrtApi
{
    /// <summary>First version of ONNX Runtime with every function of this table (1.24 added <c>TensorTypeAndShape_HasShape</c>).</summary>
    public const int Version = 24;

    // Bytes of one function pointer: the project runs on 64-bit platforms only, as ONNX Runtime's own builds do.
    private const int P = 8;

    [FieldOffset(1 * P)] public readonly delegate* unmanaged<nint, OrtErrorCode> GetErrorCode;
    [FieldOffset(2 * P)] public readonly delegate* unmanaged<nint, byte*> GetErrorMessage;
    [FieldOffset(4 * P)]
    public readonly delegate* unmanaged<
        delegate* unmanaged<nint, int, byte*, byte*, byte*, byte*, void>, nint, int, byte*, nint*, nint> CreateEnvWithCustomLogger;
    [FieldOffset(7 * P)] public readonly delegate* unmanaged<nint, nint, nint, nint*, nint> CreateSession;
    [FieldOffset(8 * P)] public readonly delegate* unmanaged<nint, byte*, nuint, nint, nint*, nint> CreateSessionFromArray;
    [FieldOffset(10 * P)] public readonly delegate* unmanaged<nint*, nint> CreateSessionOptions;
    [FieldOffset(11 * P)] public readonly delegate* unmanaged<nint, nint, nint> SetOptimizedModelFilePath;
    [FieldOffset(13 * P)] public readonly delegate* unmanaged<nint, int, nint> SetSessionExecutionMode;
    [FieldOffset(14 * P)] public readonly delegate* unmanaged<nint, nint, nint> EnableProfiling;
    [FieldOffset(16 * P)] public readonly delegate* unmanaged<nint, nint> EnableMemPattern;
    [FieldOffset(17 * P)] public readonly delegate* unmanaged<nint, nint> DisableMemPattern;
    [FieldOffset(18 * P)] public readonly delegate* unmanaged<nint, nint> EnableCpuMemArena;
    [FieldOffset(19 * P)] public readonly delegate* unmanaged<nint, nint> DisableCpuMemArena;
    [FieldOffset(23 * P)] public readonly delegate* unmanaged<nint, int, nint> SetSessionGraphOptimizationLevel;
    [FieldOffset(24 * P)] public readonly delegate* unmanaged<nint, int, nint> SetIntraOpNumThreads;
    [FieldOffset(25 * P)] public readonly delegate* unmanaged<nint, int, nint> SetInterOpNumThreads;
    [FieldOffset(30 * P)] public readonly delegate* unmanaged<nint, nuint*, nint> SessionGetInputCount;
    [FieldOffset(31 * P)] public readonly delegate* unmanaged<nint, nuint*, nint> SessionGetOutputCount;
    [FieldOffset(32 * P)] public readonly delegate* unmanaged<nint, nuint*, nint> SessionGetOverridableInitializerCount;
    [FieldOffset(33 * P)] public readonly delegate* unmanaged<nint, nuint, nint*, nint> SessionGetInputTypeInfo;
    [FieldOffset(34 * P)] public readonly delegate* unmanaged<nint, nuint, nint*, nint> SessionGetOutputTypeInfo;
    [FieldOffset(35 * P)] public readonly delegate* unmanaged<nint, nuint, nint*, nint> SessionGetOverridableInitializerTypeInfo;
    [FieldOffset(36 * P)] public readonly delegate* unmanaged<nint, nuint, nint, byte**, nint> SessionGetInputName;
    [FieldOffset(37 * P)] public readonly delegate* unmanaged<nint, nuint, nint, byte**, nint> SessionGetOutputName;
    [FieldOffset(38 * P)] public readonly delegate* unmanaged<nint, nuint, nint, byte**, nint> SessionGetOverridableInitializerName;
    [FieldOffset(39 * P)] public readonly delegate* unmanaged<nint*, nint> CreateRunOptions;
    [FieldOffset(46 * P)] public readonly delegate* unmanaged<nint, nint> RunOptionsSetTerminate;
    [FieldOffset(47 * P)] public readonly delegate* unmanaged<nint, nint> RunOptionsUnsetTerminate;
    [FieldOffset(48 * P)] public readonly delegate* unmanaged<nint, long*, nuint, int, nint*, nint> CreateTensorAsOrtValue;
    [FieldOffset(49 * P)]
    public readonly delegate* unmanaged<nint, nint, nuint, long*, nuint, int, nint*, nint> CreateTensorWithDataAsOrtValue;
    [FieldOffset(51 * P)] public readonly delegate* unmanaged<nint, nint*, nint> GetTensorMutableData;
    [FieldOffset(53 * P)] public readonly delegate* unmanaged<nint, nuint*, nint> GetStringTensorDataLength;
    [FieldOffset(54 * P)] public readonly delegate* unmanaged<nint, byte*, nuint, nuint*, nuint, nint> GetStringTensorContent;
    [FieldOffset(55 * P)] public readonly delegate* unmanaged<nint, nint*, nint> CastTypeInfoToTensorInfo;
    [FieldOffset(56 * P)] public readonly delegate* unmanaged<nint, OrtValueKind*, nint> GetOnnxTypeFromTypeInfo;
    [FieldOffset(60 * P)] public readonly delegate* unmanaged<nint, int*, nint> GetTensorElementType;
    [FieldOffset(61 * P)] public readonly delegate* unmanaged<nint, nuint*, nint> GetDimensionsCount;
    [FieldOffset(62 * P)] public readonly delegate* unmanaged<nint, long*, nuint, nint> GetDimensions;
    [FieldOffset(63 * P)] public readonly delegate* unmanaged<nint, byte**, nuint, nint> GetSymbolicDimensions;
    [FieldOffset(64 * P)] public readonly delegate* unmanaged<nint, nuint*, nint> GetTensorShapeElementCount;
    [FieldOffset(65 * P)] public readonly delegate* unmanaged<nint, nint*, nint> GetTensorTypeAndShape;
    [FieldOffset(67 * P)] public readonly delegate* unmanaged<nint, OrtValueKind*, nint> GetValueType;
    [FieldOffset(68 * P)] public readonly delegate* unmanaged<byte*, int, int, int, nint*, nint> CreateMemoryInfo;
    [FieldOffset(75 * P)] public readonly delegate* unmanaged<nint, nuint, nint*, nint> AllocatorAlloc;
    [FieldOffset(76 * P)] public readonly delegate* unmanaged<nint, nint, nint> AllocatorFree;
    [FieldOffset(78 * P)] public readonly delegate* unmanaged<nint*, nint> GetAllocatorWithDefaultOptions;
    [FieldOffset(92 * P)] public readonly delegate* unmanaged<nint, void> ReleaseEnv;
    [FieldOffset(93 * P)] public readonly delegate* unmanaged<nint, void> ReleaseStatus;
    [FieldOffset(94 * P)] public readonly delegate* unmanaged<nint, void> ReleaseMemoryInfo;
    [FieldOffset(95 * P)] public readonly delegate* unmanaged<nint, void> ReleaseSession;
    [FieldOffset(96 * P)] public readonly delegate* unmanaged<nint, void> ReleaseValue;
    [FieldOffset(97 * P)] public readonly delegate* unmanaged<nint, void> ReleaseRunOptions;
    [FieldOffset(98 * P)] public readonly delegate* unmanaged<nint, void> ReleaseTypeInfo;
    [FieldOffset(99 * P)] public readonly delegate* unmanaged<nint, void> ReleaseTensorTypeAndShapeInfo;
    [FieldOffset(100 * P)] public readonly delegate* unmanaged<nint, void> ReleaseSessionOptions;
    [FieldOffset(110 * P)] public readonly delegate* unmanaged<nint, nint, byte**, nint> SessionEndProfiling;
    [FieldOffset(111 * P)] public readonly delegate* unmanaged<nint, nint*, nint> SessionGetModelMetadata;
    [FieldOffset(116 * P)] public readonly delegate* unmanaged<nint, nint, byte*, byte**, nint> ModelMetadataLookupCustomMetadataMap;
    [FieldOffset(118 * P)] public readonly delegate* unmanaged<nint, void> ReleaseModelMetadata;
    [FieldOffset(120 * P)] public readonly delegate* unmanaged<nint, nint> DisablePerSessionThreads;
    [FieldOffset(121 * P)] public readonly delegate* unmanaged<nint*, nint> CreateThreadingOptions;
    [FieldOffset(122 * P)] public readonly delegate* unmanaged<nint, void> ReleaseThreadingOptions;
    [FieldOffset(123 * P)] public readonly delegate* unmanaged<nint, nint, byte***, long*, nint> ModelMetadataGetCustomMetadataMapKeys;
    [FieldOffset(130 * P)] public readonly delegate* unmanaged<nint, byte*, byte*, nint> AddSessionConfigEntry;
    [FieldOffset(131 * P)] public readonly delegate* unmanaged<nint, nint, nint*, nint> CreateAllocator;
    [FieldOffset(132 * P)] public readonly delegate* unmanaged<nint, void> ReleaseAllocator;
    [FieldOffset(133 * P)] public readonly delegate* unmanaged<nint, nint, nint, nint> RunWithBinding;
    [FieldOffset(134 * P)] public readonly delegate* unmanaged<nint, nint*, nint> CreateIoBinding;
    [FieldOffset(135 * P)] public readonly delegate* unmanaged<nint, void> ReleaseIoBinding;
    [FieldOffset(136 * P)] public readonly delegate* unmanaged<nint, byte*, nint, nint> BindInput;
    [FieldOffset(137 * P)] public readonly delegate* unmanaged<nint, byte*, nint, nint> BindOutput;
    [FieldOffset(138 * P)] public readonly delegate* unmanaged<nint, byte*, nint, nint> BindOutputToDevice;
    [FieldOffset(140 * P)] public readonly delegate* unmanaged<nint, nint, nint**, nuint*, nint> GetBoundOutputValues;
    [FieldOffset(141 * P)] public readonly delegate* unmanaged<nint, void> ClearBoundInputs;
    [FieldOffset(142 * P)] public readonly delegate* unmanaged<nint, void> ClearBoundOutputs;
    [FieldOffset(147 * P)] public readonly delegate* unmanaged<nint, int, nint> SetGlobalIntraOpNumThreads;
    [FieldOffset(148 * P)] public readonly delegate* unmanaged<nint, int, nint> SetGlobalInterOpNumThreads;
    [FieldOffset(149 * P)] public readonly delegate* unmanaged<nint, int, nint> SetGlobalSpinControl;
    [FieldOffset(150 * P)] public readonly delegate* unmanaged<nint, byte*, nint, nint> AddInitializer;
    [FieldOffset(151 * P)]
    public readonly delegate* unmanaged<
        delegate* unmanaged<nint, int, byte*, byte*, byte*, byte*, void>, nint, int, byte*, nint, nint*, nint>
        CreateEnvWithCustomLoggerAndGlobalThreadPools;
    [FieldOffset(165 * P)] public readonly delegate* unmanaged<nint, byte*, byte*, nint> AddRunConfigEntry;
    [FieldOffset(166 * P)] public readonly delegate* unmanaged<nint*, nint> CreatePrepackedWeightsContainer;
    [FieldOffset(167 * P)] public readonly delegate* unmanaged<nint, void> ReleasePrepackedWeightsContainer;
    [FieldOffset(168 * P)]
    public readonly delegate* unmanaged<nint, nint, nint, nint, nint*, nint> CreateSessionWithPrepackedWeightsContainer;
    [FieldOffset(169 * P)]
    public readonly delegate* unmanaged<nint, byte*, nuint, nint, nint, nint*, nint> CreateSessionFromArrayWithPrepackedWeightsContainer;
    [FieldOffset(170 * P)] public readonly delegate* unmanaged<nint, nint, nint> SessionOptionsAppendExecutionProviderTensorRTV2;
    [FieldOffset(171 * P)] public readonly delegate* unmanaged<nint*, nint> CreateTensorRTProviderOptions;
    [FieldOffset(172 * P)] public readonly delegate* unmanaged<nint, byte**, byte**, nuint, nint> UpdateTensorRTProviderOptions;
    [FieldOffset(174 * P)] public readonly delegate* unmanaged<nint, void> ReleaseTensorRTProviderOptions;
    [FieldOffset(194 * P)] public readonly delegate* unmanaged<nint, nint*, nint> GetTensorMemoryInfo;
    [FieldOffset(202 * P)] public readonly delegate* unmanaged<nint, nint> SynchronizeBoundInputs;
    [FieldOffset(203 * P)] public readonly delegate* unmanaged<nint, nint> SynchronizeBoundOutputs;
    [FieldOffset(204 * P)] public readonly delegate* unmanaged<nint, nint, nint> SessionOptionsAppendExecutionProviderCUDAV2;
    [FieldOffset(205 * P)] public readonly delegate* unmanaged<nint*, nint> CreateCUDAProviderOptions;
    [FieldOffset(206 * P)] public readonly delegate* unmanaged<nint, byte**, byte**, nuint, nint> UpdateCUDAProviderOptions;
    [FieldOffset(208 * P)] public readonly delegate* unmanaged<nint, void> ReleaseCUDAProviderOptions;
    [FieldOffset(216 * P)]
    public readonly delegate* unmanaged<nint, byte*, byte**, byte**, nuint, nint> SessionOptionsAppendExecutionProvider;
    [FieldOffset(225 * P)] public readonly delegate* unmanaged<nint, int*, void> MemoryInfoGetDeviceType;
    [FieldOffset(252 * P)] public readonly delegate* unmanaged<nint, nuint, nuint, byte**, nint> GetResizedStringTensorElementBuffer;
    [FieldOffset(301 * P)] public readonly delegate* unmanaged<nint, byte*, nint, nint> RegisterExecutionProviderLibrary;
    [FieldOffset(318 * P)] public readonly delegate* unmanaged<nint, nuint*, nint> GetTensorSizeInBytes;
    [FieldOffset(380 * P)] public readonly delegate* unmanaged<nint, nint*, nuint, nint> SessionGetMemoryInfoForInputs;
    [FieldOffset(381 * P)] public readonly delegate* unmanaged<nint, nint*, nuint, nint> SessionGetMemoryInfoForOutputs;
    [FieldOffset(386 * P)] public readonly delegate* unmanaged<nint, nint*, nint*, nint, nuint, nint> CopyTensors;
    [FieldOffset(390 * P)] public readonly delegate* unmanaged<nint, byte> TensorTypeAndShapeHasShape;
    [FieldOffset(407 * P)] public readonly delegate* unmanaged<nint, nint**, nuint*, nint> SessionGetEpGraphAssignmentInfo;
    [FieldOffset(408 * P)] public readonly delegate* unmanaged<nint, byte**, nint> EpAssignedSubgraphGetEpName;
    [FieldOffset(409 * P)] public readonly delegate* unmanaged<nint, nint**, nuint*, nint> EpAssignedSubgraphGetNodes;
    [FieldOffset(410 * P)] public readonly delegate* unmanaged<nint, byte**, nint> EpAssignedNodeGetName;
    [FieldOffset(412 * P)] public readonly delegate* unmanaged<nint, byte**, nint> EpAssignedNodeGetOperatorType;
}
